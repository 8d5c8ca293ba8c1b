// Compiled against the types that openapi-typescript makes of /openapi.json, never run.
import type { components, paths } from './generated.js'

type Schemas = components['schemas']

// what a request need not say is no required key of it
export const signup: Schemas['SignupBody'] = { email: 'ada@example.org', password: 'a good password' }
export const added: Schemas['NewMessages'] = { sessionId: 'c', messages: [{ id: 'm', role: 'user', content: 'Hello' }] }
export const push: Schemas['Push'] = { conversations: [{ id: 'c', title: 'T', messages: [{ id: 'm', role: 'user', content: '' }] }] }
export const change: Schemas['DataChange'] = { model: { temperature: 0.3, personality_preset: 'terse' } }

type Body<T> = T extends { requestBody: { content: { 'application/json': infer B } } } ? B : never
export const messages: Body<paths['/api/chat/messages']['post']> = added
export const token: Body<paths['/auth/v1/token']['post']> = { refresh_token: 'x' }

// @ts-expect-error: a password is needed
export const half: Schemas['SignupBody'] = { email: 'ada@example.org' }
// @ts-expect-error: no such role
export const role: Schemas['PushedMessage'] = { id: 'm', role: 'tool', content: '' }

export function picker(model: Schemas['Model']): string {
  const many: string[] = [...model.input_modalities, ...model.output_modalities, ...model.supported_parameters]
  return `${model.name} ${model.context_length.toFixed(0)} ${model.description.trim()} ${many.join()} ${model.pricing.prompt}`
}

export function title(page: Schemas['SyncPage']): string | undefined {
  return page.conversations[0]?.title
}
