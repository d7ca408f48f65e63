import { detectResolver, openHostState, openResolverLink, openResolverSettings, replayJournals } from '@tunnel/linux'

/**
 * The resolver part of a tunneler and nothing else, for tests: sets the resolver of the host that it runs on, says
 * `ready`, takes other domains at SIGUSR2, and puts it back at SIGTERM. Words: state directory, server, domains with
 * commas, link (or -), its address, the other domains.
 */
const [stateDirectory = '', server = '127.0.0.1', domains = '', link = '-', address = '', later = ''] = process.argv.slice(2)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

await replayJournals(stateDirectory)
const facts = await detectResolver()
say(facts.line)
const carrier = link === '-' ? undefined : openResolverLink({ name: link, address })
if (carrier) say('link')
const host = await openHostState({ stateDirectory })
const settings = await openResolverSettings({
  host,
  facts,
  wanted: { servers: [{ address: server, port: 53 }], domains: domains.split(',').filter(Boolean), ...(carrier && { link: carrier }) },
  onUpstreams: (upstreams) => say(`upstreams ${upstreams.join(' ')}`),
  log: (level, _source, message) => say(`${level} ${message}`),
})
process.on('SIGUSR2', () => void settings.setDomains(later.split(',')).then(() => say(`now ${later}`)))
const stay = setInterval(() => {}, 60_000)
process.once('SIGTERM', () => {
  void settings
    .close()
    .then(() => host.restore())
    .then(() => {
      carrier?.close()
      clearInterval(stay)
      say('restored')
    })
})
// Only now: who hears it may send signals at once.
say(`ready upstreams ${settings.upstreams.join(' ')}`)
