/**
 * The folders of `lib/` and what they may import. `spec/imports.spec.ts` holds it, and `npm run docs`
 * makes the table of docs/architecture.md of it.
 */

/**
 * Folders and files with a line about each, from the bottom up: a file imports from its own folder and
 * from those in groups before it.
 */
const FLOORS_WITH_ROLES: ReadonlyArray<Readonly<Record<string, string>>> = [
  {
    'lib/base':
      'Units, clocks, timers, errors, outcomes, histograms and a queue: what knows nothing of messages',
  },
  {
    schemas:
      'zod schemas of the options, annotations and answers, and the wording of refusals; also the source of types and docs',
  },
  {
    'lib/message': 'One encoded message (envelope), its WebSocket frames and its memory',
    'lib/window':
      'The delivery window: path estimate, noise, start-up, congestion. Pure arithmetic with time as an argument',
  },
  {
    'lib/telemetry':
      'Counters, samples, shed episodes, events, logs and diagnostics channels; calls of the application',
    'lib/loop':
      'Shares the turns of the event loop: writes at the end of a tick, broadcasts in slices, handshakes in a queue',
  },
  {
    'lib/socketio':
      'The shapes private to Socket.IO, Engine.IO, ws and Node, and patching that can be undone',
  },
  {
    'lib/classify': "Compiles the annotated schemas, and finds a packet's class, rank and key",
    'lib/link':
      'One connection: transports, markers and their answers, direct writes to the kernel, closing',
    'lib/admission': 'Refuses or queues handshakes',
    'lib/cluster': 'Guards adapters and Redis clients, so that neither ends the process',
    'lib/fastify': 'What concerns Fastify alone: closing an app, decorators',
  },
  {
    'lib/channel':
      "One client's scheduler: lanes, shedding, stalling, congestion. Decides when a message goes",
  },
  {
    'lib/clients': 'All clients: opening, sweep, byte budget, census, listing, closing, shutdown',
  },
  {
    'lib/intercept':
      'Patches of Socket.IO through which every message comes: encoder, adapters, connections',
  },
  {
    'lib/spillway-options': 'Type of the options of `attach`',
    'lib/typed-server': 'Types of a server whose emits follow the annotated schemas',
    'lib/live-policy': 'Limits that change while the server runs',
    'lib/attached': 'Remembers which servers have a Spillway',
  },
  { 'lib/parts': 'Makes the parts of one Spillway, and connects them' },
  { 'lib/readings': 'What metrics and totals read of the parts' },
  { 'lib/spillway': 'The handle: the public methods' },
  { 'lib/attach-checks': 'Checks of the server before it is attached to' },
  { 'lib/attach': 'The public `attach(io, options)`' },
  {
    'lib/metrics': 'The catalogue of metrics, and their registration with prom-client',
    'lib/admin': 'The admin routes, the event stream, and the dashboard in `ui/`',
    'lib/fastify-types': "The types of Fastify's that users need not have",
  },
  { 'lib/plugin-options': 'Type of the options of the Fastify plugin' },
  { 'lib/plugin': 'The Fastify plugin' },
  {
    'lib/message-schemas':
      'The entry `fastify-spillway/messages`: annotations for servers and pages',
  },
  { 'lib/index': 'The entry `fastify-spillway`' },
]

export const FLOORS: ReadonlyArray<readonly string[]> = FLOORS_WITH_ROLES.map(Object.keys)
/** A line about each folder and file. */
export const ROLES: Readonly<Record<string, string>> = Object.assign({}, ...FLOORS_WITH_ROLES)

/** Imports that are forbidden although they go down, and why. */
export const NEVER: ReadonlyArray<{ from: readonly string[]; to: readonly string[]; why: string }> =
  [
    {
      from: ['lib/channel', 'lib/window', 'lib/loop', 'lib/message'],
      to: ['lib/socketio'],
      why: 'the core knows nothing of what is private to Socket.IO, Engine.IO, ws and Node',
    },
    {
      from: ['lib/channel', 'lib/intercept', 'lib/attach', 'lib/metrics', 'lib/admin'],
      to: ['lib/link/engine-link', 'lib/link/handover', 'lib/link/stray-sockets'],
      why: 'a connection is reached through the interface in lib/link/link',
    },
  ]

/** The only importers of some folders and files; `type`: of types alone. */
export const GUARDED: Readonly<Record<string, Readonly<Record<string, 'value' | 'type'>>>> = {
  'lib/socketio/engine': {
    'lib/link': 'value',
    'lib/intercept': 'value',
    'lib/clients': 'type',
    'lib/socketio': 'type',
  },
  'lib/link/transports': { 'lib/link': 'value' },
  'lib/link/direct': { 'lib/link': 'value' },
  'lib/link/kernel-backlog': { 'lib/link': 'value' },
  'lib/link/write-buffer': { 'lib/link': 'value' },
  'lib/link/engine-events': { 'lib/link': 'value' },
  'lib/link/handover': { 'lib/link': 'value' },
  'lib/link/engine-link': { 'lib/clients': 'value' },
  'lib/intercept': { 'lib/parts': 'value' },
  'lib/plugin': { 'lib/index': 'value' },
}

/** The only importers of packages; `type`: of types alone. */
export const PACKAGES: Readonly<Record<string, Readonly<Record<string, 'value' | 'type'>>>> = {
  zod: {
    schemas: 'value',
    'lib/classify': 'value',
    'lib/admin': 'value',
    'lib/spillway': 'type',
  },
  'socket.io': {
    'lib/plugin': 'value',
    'lib/attach': 'type',
    'lib/attach-checks': 'type',
    'lib/parts': 'type',
    'lib/spillway': 'type',
    'lib/plugin-options': 'type',
    'lib/spillway-options': 'type',
    'lib/typed-server': 'type',
  },
  fastify: { 'lib/fastify': 'type', 'lib/fastify-types': 'type', 'lib/admin': 'type' },
  'prom-client': {
    'lib/metrics/register': 'value',
    'lib/metrics/spillway-group': 'type',
    'lib/plugin': 'type',
    'lib/plugin-options': 'type',
  },
  'fastify-plugin': { 'lib/plugin': 'value' },
}
