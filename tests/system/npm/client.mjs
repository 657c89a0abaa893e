/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What Xen Orchestra does with a server, done by its own client library: log in, fetch every object, follow events, run tasks.
 * Arguments: URL, user, file with the password, folder of the library, cases. Prints TAP; anything the library warns about is a
 * failure. A line "kill" on its output asks for the server to be killed and started again; any line on its input says it was. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [url, user, passwordFile, modules, only = ''] = process.argv.slice(2)
const password = readFileSync(passwordFile, 'utf8').trim()
const { Xapi } = await import(pathToFileURL(createRequire(modules + '/').resolve('xen-api')))

const TRANSPORTS = ['json-rpc', 'xml-rpc', 'auto']
const TEMPLATE = 'Other install media'
const WAIT_MS = 60_000
const POLL_DELAY_MS = 100
const answers = createInterface({ input: process.stdin })

const transportOf = new Map()
const warnings = []
console.warn = (...words) => warnings.push(words.map(word => word?.stack ?? String(word)).join(' '))

/* Rejects when @promise takes too long; the event loop of the library would otherwise keep a lost wait alive for ever. */
function within(promise, what) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${WAIT_MS} ms`)), WAIT_MS)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

async function connect(transport) {
  const options = { url, auth: { user, password }, allowUnauthorized: true, transport, debounce: 20, eventPollDelay: POLL_DELAY_MS }
  const xapi = new Xapi(options)
  await within(xapi.connect(), 'connect')
  await within(xapi.objectsFetched, 'objects fetched')
  transportOf.set(xapi, transport)
  return xapi
}

/* Until the library's copy of the object, kept by events, satisfies @condition (undefined: it is gone). */
function objectBecomes(xapi, ref, condition) {
  const look = () => condition(xapi.getObjectByRef(ref, undefined))
  return within(
    new Promise(resolve => {
      const check = () => {
        if (look()) {
          xapi.objects.off('finish', check)
          resolve()
        }
      }
      xapi.objects.on('finish', check)
      check()
    }),
    'event'
  )
}

async function cloneTemplate(xapi, name) {
  const template = Object.values(xapi.objects.all).find(object => object.$type === 'VM' && object.name_label === TEMPLATE)
  assert.ok(template !== undefined, `no template ${TEMPLATE}`)
  const ref = await xapi.callAsync('VM.clone', template.$ref, name)
  await xapi.call('VM.provision', ref)
  return ref
}

const cases = {
  async 'objects-of-a-new-server-are-fetched'(xapi) {
    const types = new Set(Object.values(xapi.objects.all).map(object => object.$type))
    for (const type of ['pool', 'host', 'VM', 'host_metrics']) {
      assert.ok(types.has(type), `no object of class ${type}`)
    }
    assert.equal(xapi.pool.$type, 'pool')
    assert.equal(xapi.pool.$master.$ref, xapi.pool.master)
  },

  async 'field-of-a-vm-travels-there-and-back'(xapi) {
    const ref = await cloneTemplate(xapi, 'npm fields')
    const text = 'ä < & > " \u{1f600}'
    await xapi.setField('VM', ref, 'name_description', text)
    await xapi.setFieldEntry('VM', ref, 'other_config', 'a key', text)
    const record = await xapi.barrier(ref)
    assert.equal(record.name_description, text)
    assert.equal(record.other_config['a key'], text)
    await xapi.setFieldEntry('VM', ref, 'other_config', 'a key', null)
    assert.equal((await xapi.barrier(ref)).other_config['a key'], undefined)
    await xapi.callAsync('VM.destroy', ref)
  },

  async 'life-of-a-vm-is-seen-by-events'(xapi) {
    const ref = await cloneTemplate(xapi, 'npm life')
    const steps = [
      ['VM.start', [false, false], 'Running'],
      ['VM.pause', [], 'Paused'],
      ['VM.unpause', [], 'Running'],
      ['VM.hard_reboot', [], 'Running'],
      ['VM.hard_shutdown', [], 'Halted'],
    ]
    for (const [method, params, state] of steps) {
      await within(xapi.callAsync(method, ref, ...params), method)
      await objectBecomes(xapi, ref, vm => vm?.power_state === state)
    }
    await xapi.callAsync('VM.destroy', ref)
    await objectBecomes(xapi, ref, vm => vm === undefined)
  },

  async 'failure-of-a-task-carries-code-and-parameters'(xapi) {
    const ref = await cloneTemplate(xapi, 'npm failure')
    await assert.rejects(xapi.callAsync('VM.unpause', ref), { code: 'VM_BAD_POWER_STATE', params: [ref, 'paused', 'halted'] })
    await assert.rejects(xapi.call('VM.get_record', 'OpaqueRef:none'), { code: 'HANDLE_INVALID', params: ['VM', 'OpaqueRef:none'] })
    await xapi.callAsync('VM.destroy', ref)
  },

  async 'a-hundred-calls-at-once-are-answered'(xapi) {
    const record = xapi.pool
    const names = await Promise.all(Array.from({ length: 100 }, () => xapi.getField('pool', record.$ref, 'uuid')))
    assert.deepEqual(new Set(names), new Set([record.uuid]))
  },

  async 'library-had-nothing-to-warn-about'() {
    assert.deepEqual(warnings, [])
  },

  async 'watch-goes-on-after-the-server-was-killed'(xapi) {
    const gone = await cloneTemplate(xapi, 'npm gone')
    const stays = await cloneTemplate(xapi, 'npm stays')
    await objectBecomes(xapi, stays, vm => vm !== undefined)
    console.log('kill')
    await within(once(answers, 'line'), 'server is back')
    /* By another client: the library's own calls would find out about the session before the watch does. */
    const other = await connect(transportOf.get(xapi))
    await other.callAsync('VM.destroy', gone)
    await other.setField('VM', stays, 'name_description', 'after the kill')
    await objectBecomes(xapi, stays, vm => vm?.name_description === 'after the kill')
    await objectBecomes(xapi, gone, vm => vm === undefined)
    await xapi.callAsync('VM.destroy', stays)
    await objectBecomes(xapi, stays, vm => vm === undefined)
    await other.disconnect()
    /* It may say that connections were lost, once or more often while nobody listens, and nothing else. */
    for (const warning of warnings.splice(0)) {
      assert.match(warning, /_watchEvents.*(ECONNRESET|ECONNREFUSED|EPIPE|other side closed|socket hang up|fetch failed)/s)
    }
  },
}

let number = 0
let failed = 0
for (const transport of TRANSPORTS) {
  const wanted = Object.entries(cases).filter(([name]) => `/system/npm/${transport}/${name}`.startsWith(only))
  if (wanted.length === 0) {
    continue
  }
  let xapi
  for (const [name, run] of wanted) {
    const label = `${++number} /system/npm/${transport}/${name}`
    try {
      xapi ??= await connect(transport)
      await within(run(xapi), name)
      console.log(`ok ${label}`)
    } catch (error) {
      failed += 1
      console.log(`not ok ${label}`)
      console.log(`${error?.stack ?? error}`.replace(/^/gm, '# '))
    }
  }
  await xapi?.disconnect()
}
console.log(`1..${number}`)
process.exit(failed === 0 && number > 0 ? 0 : 1)
