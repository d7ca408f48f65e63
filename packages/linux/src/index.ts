/**
 * Transparent sockets, routes, nftables and resolver settings of a Linux host, without native code to build.
 *
 * ```ts
 * import { createServer } from 'node:net'
 * import { pump } from '@tunnel/flow'
 * import { fromSocket } from '@tunnel/flow/node'
 * import {
 *   accept, addChain, addRule, connectMarked, leave, match, openHostState, openOwnerTable, openTransparentListener,
 *   ownMark, planRoute, planRule, setMark, tproxy,
 * } from '@tunnel/linux'
 *
 * // A transparent proxy: what this host sends to 198.51.100.0/24 passes through this program, by the kernel's own TCP.
 * const listener = openTransparentListener({ address: '127.0.0.1', mark: ownMark })
 * createServer({ allowHalfOpen: true, pauseOnConnect: true }, async (client) => {
 *   const { localAddress: host = '', localPort: port = 0 } = client // where the client wanted to go
 *   console.log(`${client.remoteAddress} to ${host}:${port}`)
 *   const server = await connectMarked({ host, port, mark: ownMark }).catch(() => undefined)
 *   if (server) pump(fromSocket(client), fromSocket(server))
 *   else client.resetAndDestroy()
 * }).listen({ fd: listener.fd })
 *
 * // The kernel deletes this table with the process. Packets with our own mark pass; the others are marked and redirected.
 * const wanted = [match('ip daddr', '198.51.100.0/24'), match('meta l4proto', 'tcp')]
 * openOwnerTable({ name: 'my-proxy' }).commit([
 *   addChain('output', { type: 'route', hook: 'output', priority: -150 }),
 *   addRule('output', [match('meta mark', ownMark), leave()]),
 *   addRule('output', [...wanted, setMark(1)]),
 *   addChain('prerouting', { type: 'filter', hook: 'prerouting', priority: -150 }),
 *   addRule('prerouting', [match('meta mark', ownMark), leave()]),
 *   addRule('prerouting', [...wanted, tproxy({ address: '127.0.0.1', port: listener.port }), setMark(1), accept()]),
 * ])
 *
 * // Routes outlive a process: these stand in a journal, and are undone also when the process is killed.
 * const state = await openHostState({ stateDirectory: '/var/lib/my-proxy' })
 * await state.apply([
 *   planRoute({ family: 4, destination: 'default', type: 'local', device: 'lo', table: 100 }),
 *   planRule({ family: 4, priority: 100, mark: 1, table: 100 }),
 * ])
 * process.once('SIGTERM', () => void state.restore().then(() => process.exit()))
 * ```
 *
 * @module
 */
export type { LinuxErrorCode } from './ffi/call-error.ts'
export type { Availability } from './firewall/availability.ts'
export type { FirewallErrorCode } from './firewall/firewall-error.ts'
export { openIptables, type IpFamily, type IptablesControl, type IptablesOptions } from './firewall/iptables/iptables-control.ts'
export { renderIptablesRule, type IptablesRule, type IptablesTarget, type MarkTarget, type TproxyTarget } from './firewall/iptables/iptables-rule.ts'
export { inputOpeningChain, planInputOpening, planOwnedChain, type InputOpening, type OwnedChain } from './firewall/iptables/owned-chain.ts'
export { firewallPerformers } from './firewall/iptables/performers.ts'
export { probeIptables } from './firewall/iptables/probe-iptables.ts'
export { listedRules, planChainRepair, refillChain } from './firewall/iptables/repair-chain.ts'
export { renderRestore, type IptablesChange, type IptablesTable } from './firewall/iptables/restore-text.ts'
export {
  addChain,
  addElements,
  addRule,
  addSet,
  deleteChain,
  deleteElements,
  deleteRule,
  deleteSet,
  flushChain,
  flushSet,
  summarizeChange,
  type ChainHook,
  type NftChange,
} from './firewall/nftables/change.ts'
export { counter, type Counter } from './firewall/nftables/expressions/counter.ts'
export type { Expression } from './firewall/nftables/expressions/expression.ts'
export { inSet, notInSet, type InSet } from './firewall/nftables/expressions/in-set.ts'
export { match, matchNot, type MaskedValue, type Match, type MatchValue } from './firewall/nftables/expressions/match.ts'
export { reject, type Reject } from './firewall/nftables/expressions/reject.ts'
export type { Selector } from './firewall/nftables/expressions/selector.ts'
export { setMark, type SetMark } from './firewall/nftables/expressions/set-mark.ts'
export { tproxy, type Tproxy } from './firewall/nftables/expressions/tproxy.ts'
export { accept, drop, goTo, jump, leave, type Verdict } from './firewall/nftables/expressions/verdict.ts'
export type { FieldType, FieldValues, Range } from './firewall/nftables/field.ts'
export { openOwnerTable, type OwnerTable } from './firewall/nftables/owner-table.ts'
export { probeNftables } from './firewall/nftables/probe-nftables.ts'
export type { ChainContents, RuleContents, TableContents } from './firewall/nftables/read-table.ts'
export { renderNft, type RenderOptions } from './firewall/nftables/render-nft.ts'
export { nftSet, type NftSet, type SetElement } from './firewall/nftables/set.ts'
export { planFileWrite, type FileWrite } from './host-state/file-performers.ts'
export { hostPerformers } from './host-state/host-performers.ts'
export { openHostState, type HostState, type HostStateOptions } from './host-state/host-state.ts'
export { janitorCommand } from './host-state/janitor-process.ts'
export { eachPerformer, type ChangeParameters, type Perform, type PerformAll, type PerformContext, type PerformOutcome, type Performer, type Performers } from './host-state/performer.ts'
export { ownRouteProtocol, planRoute, planRule } from './host-state/route-performers.ts'
export type { Unfinished, UndoReport } from './host-state/undo.ts'
export { unlessRestored } from './host-state/unless-restored.ts'
export type { Instance } from './journal/instance.ts'
export { listJournals, type JournalListing } from './journal/list-journals.ts'
export type { JournalErrorCode } from './journal/journal-error.ts'
export { replayJournals, type ReplayOptions, type ReplayReport } from './journal/replay.ts'
export type { JournalUndo } from './journal/undo-journal.ts'
export { ownMark, ownMask, slotCount, slotMark } from './marks.ts'
export { openCommandNamespace, planCommandNamespace, type CommandEnd, type CommandNamespace, type CommandNamespaceOptions } from './namespace/command-namespace.ts'
export type { Link, LinkAddress, LinkSettings } from './netlink/link.ts'
export { openNetlink, type NetlinkSocket } from './netlink/netlink-socket.ts'
export type { NetworkEvent } from './netlink/network-watch.ts'
export { openRouteControl, type RouteAnswer, type RouteControl } from './netlink/route-control.ts'
export type { Route, RouteType } from './netlink/route.ts'
export { openSocketDiag, type SocketDiag } from './netlink/socket-diag.ts'
export type { Rule, RuleAction } from './netlink/rule.ts'
export { missingCapabilities, wantedCapabilities } from './probe/capabilities.ts'
export { ownerOfPort } from './probe/port-owner.ts'
export { probeCapabilities, type ProbeOptions } from './probe/probe-host.ts'
export type { ProbeResult } from './probe/probe-result.ts'
export { detectResolver, type DetectOptions } from './resolver/detect-resolver.ts'
export { flushResolverCaches } from './resolver/flush-caches.ts'
export { planHostsFile, type HostsEntry, type HostsOptions } from './resolver/hosts-file.ts'
export { planResolver } from './resolver/plan-resolver.ts'
export type { ResolverErrorCode } from './resolver/resolver-error.ts'
export type { ResolvConfFacts, ResolvconfFacts, ResolvedFacts, ResolverFacts, ResolverManager, ResolverMethod, ResolverWanted } from './resolver/resolver-facts.ts'
export { resolverGuidance, type GuidanceOptions } from './resolver/resolver-guidance.ts'
export { resolverPerformers } from './resolver/resolver-performers.ts'
export { openResolverLink, resolverLinkName, type ResolverLink, type ResolverLinkOptions } from './resolver/resolver-link.ts'
export { isResolverTaken, openResolverSettings, type ResolverSettings, type ResolverSettingsOptions } from './resolver/resolver-settings.ts'
export { upstreamsOf } from './resolver/upstreams.ts'
export { claimSlot, type Slot } from './slot/claim-slot.ts'
export { connectMarked, openTcpDescriptor, type MarkedConnectionOptions } from './sockets/marked-connection.ts'
export type { ReceivedDatagram } from './sockets/receive-arena.ts'
export {
  openTransparentListener,
  type TransparentListener,
  type TransparentListenerOptions,
} from './sockets/transparent-listener.ts'
export { markDescriptor, openUdpDescriptor, type UdpSocketOptions } from './sockets/udp-descriptor.ts'
export { openUdpSocket, type BatchedUdpSocket } from './sockets/udp-socket.ts'
export { adoptTunDevice, openTunDevice, type RunningTunOptions, type TunDevice, type TunDeviceOptions } from './tun/tun-device.ts'
export { openTunLink, type TunLink, type TunLinkOptions, type TunOffloads } from './tun/tun-link.ts'
