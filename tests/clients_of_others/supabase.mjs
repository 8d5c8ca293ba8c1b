// What supabase-js makes of the server: `node supabase.mjs ADDRESS EMAIL PASSWORD`; prints what each step gave as JSON.
import { createClient } from '@supabase/supabase-js'

const [address, email, password] = process.argv.slice(2)
const client = createClient(address, 'there is no key', {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: class {} }, // not used here, and Node.js before 22 has no WebSocket of its own
})
const told = {}

const ids = ({ data, error }) => (error ? error.code : data.map((row) => row.id).join(''))
const failed = ({ data, error, status }) => [data ?? null, error?.code ?? null, error?.status ?? status]
const sessions = (columns = 'id') => client.from('chat_sessions').select(columns)

told.unsigned = failed(await sessions())
told.anonymous = (await client.auth.signInAnonymously()).error.code
told.otp = (await client.auth.signInWithOtp({ email })).error.code
told.recovery = (await client.auth.resetPasswordForEmail(email)).error.code

const signedUp = await client.auth.signUp({ email, password, options: { data: { full_name: 'Ada' } } })
told.signUp = [signedUp.error, signedUp.data.user.email, signedUp.data.user.identities.length, signedUp.data.session !== null]
told.again = (await client.auth.signUp({ email, password })).error.code
told.signOut = (await client.auth.signOut()).error
told.wrong = (await client.auth.signInWithPassword({ email, password: 'not this one' })).error.code
const signedIn = await client.auth.signInWithPassword({ email, password })
told.signIn = [signedIn.error, signedIn.data.user.user_metadata.full_name]
told.user = (await client.auth.getUser()).data.user.email
told.refresh = (await client.auth.refreshSession()).error
told.update = (await client.auth.updateUser({ data: { full_name: 'Ada L.' } })).data.user.user_metadata.full_name

const me = signedIn.data.user.id
const token = (await client.auth.getSession()).data.session.access_token
const conversations = [1, 2, 3, 4].map((n) => ({
  id: `c${n}`,
  title: ['Heaps, stacks', 'Trees', 'a "b" (c)', '100%'][n - 1],
  messages: Array.from({ length: n }, (_, at) => ({
    id: `m${n}${at}`,
    role: at % 2 ? 'assistant' : 'user',
    content: `${n} ${at}`,
    model: n === 3 ? null : `m/${n}`,
    timestamp: `2025-01-0${n}T00:00:0${at}Z`,
  })),
}))
const pushed = await fetch(`${address}/api/chat/sync`, {
  method: 'POST',
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  body: JSON.stringify({ conversations }),
})
told.pushed = (await pushed.json()).results.synced

told.all = (await client.from('chat_sessions').select().order('id')).data.map((row) => [row.id, row.message_count, row.user_id === me])
told.select = (await sessions('id,heading:title,n:message_count::text').eq('id', 'c1')).data
told.filters = {
  eq: ids(await sessions().eq('title', 'Heaps, stacks')),
  neq: ids(await sessions().neq('id', 'c1').order('id')),
  gt: ids(await sessions().gt('message_count', 2).order('id')),
  gte: ids(await sessions().gte('message_count', 2).order('id')),
  lt: ids(await sessions().lt('message_count', 2)),
  lte: ids(await sessions().lte('message_count', 2).order('id')),
  in: ids(await sessions().in('title', ['Heaps, stacks', '100%']).order('id')),
  is: ids(await sessions().is('last_model', null).order('id')),
  like: ids(await sessions().like('title', '%s').order('id')),
  ilike: ids(await sessions().ilike('title', '%TREE%')),
  not: ids(await sessions().not('id', 'in', '(c1,c2)').order('id')),
  or: ids(await sessions().or('id.eq.c1,message_count.gt.3').order('id')),
  match: ids(await sessions().match({ id: 'c2', title: 'Trees' })),
  filter: ids(await sessions().filter('id', 'eq', 'c3')),
  time: ids(await sessions().gte('last_message_timestamp', '2025-01-03T00:00:00Z').order('id')),
}
told.order = ids(await sessions().order('message_count', { ascending: false }))
told.limit = ids(await sessions().order('id').limit(2))
told.range = ids(await sessions().order('id').range(1, 2))
const counted = await client.from('chat_sessions').select('*', { count: 'exact', head: true }).gt('message_count', 1)
told.count = [counted.count, counted.data, counted.status]
told.single = (await sessions().eq('id', 'c1').single()).data
told.notSingle = failed(await sessions().single())
told.maybeSingle = [(await sessions().eq('id', 'none').maybeSingle()).data, (await sessions().eq('id', 'c2').maybeSingle()).data]
told.csv = (await sessions('id,message_count').order('id').limit(2).csv()).data

const recent = { user_uuid: me }
told.rpc = {
  value: (await client.rpc('current_profile_id')).data === me,
  rows: ids(await client.rpc('get_user_recent_sessions', recent).select('id').gt('message_count', 1).order('id').limit(2)),
  get: ids(await client.rpc('get_user_recent_sessions', recent, { get: true }).eq('id', 'c3')),
  single: (await client.rpc('get_user_recent_sessions', recent).select('id,title').eq('id', 'c2').single()).data,
  head: (await client.rpc('get_user_recent_sessions', recent, { head: true, count: 'exact' })).count,
  closed: failed(await client.rpc('sync_answered', { p_replica: 'x', p_push_seq: 1, p_hash: '', p_answer: '' })),
  foreign: failed(await client.rpc('get_user_recent_sessions', { user_uuid: '00000000-0000-0000-0000-000000000001' })),
}
told.refused = {
  insert: failed(await client.from('chat_sessions').insert({ id: 'c9' })),
  update: failed(await client.from('chat_sessions').update({ title: 'x' }).eq('id', 'c1')),
  delete: failed(await client.from('chat_sessions').delete().eq('id', 'c1')),
  embed: failed(await sessions('id,chat_messages(*)')),
  unknown: failed(await client.from('nothing').select()),
  column: failed(await sessions('nothing')),
  text: failed(await sessions().textSearch('title', 'heap')),
  schema: failed(await client.schema('sterna').from('secrets').select()),
}
told.after = ids(await sessions().order('id'))

await client.auth.signOut()
told.signedOut = failed(await sessions())
console.log(JSON.stringify(told))
