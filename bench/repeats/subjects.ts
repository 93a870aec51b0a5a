export const SUBJECTS = ['socket.io', 'spillway'] as const
export type Subject = (typeof SUBJECTS)[number]
