import type { FastifyInstance } from 'fastify'

export async function uiRoutes(_app: FastifyInstance): Promise<void> {}
