/**
 * Where a client is in its life.
 * - `open`: it is sent what it is offered.
 * - `retiring`: the server shuts down; as `open`, until everything critical was taken.
 * - `told`: that was so, and the client was told to close.
 * - `closing`: the application asked for it; what is queued and critical goes first.
 * - `terminated`: the library ended the connection, which is not gone yet.
 * - `closed`: the connection is gone.
 */
export type Phase = 'open' | 'retiring' | 'told' | 'closing' | 'terminated' | 'closed'
