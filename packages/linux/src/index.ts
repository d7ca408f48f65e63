export type { LinuxErrorCode } from './ffi/call-error.ts'
export type { Availability } from './firewall/availability.ts'
export type { FirewallErrorCode } from './firewall/firewall-error.ts'
export { openIptables, type IpFamily, type IptablesControl, type IptablesOptions } from './firewall/iptables/iptables-control.ts'
export { renderIptablesRule, type IptablesRule, type IptablesTarget, type TproxyTarget } from './firewall/iptables/iptables-rule.ts'
export { planInputOpening, planOwnedChain, type InputOpening, type OwnedChain } from './firewall/iptables/owned-chain.ts'
export { firewallPerformers } from './firewall/iptables/performers.ts'
export { probeIptables } from './firewall/iptables/probe-iptables.ts'
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
export type { Instance } from './journal/instance.ts'
export { listJournals, type JournalListing } from './journal/list-journals.ts'
export { replayJournals, type ReplayOptions, type ReplayReport } from './journal/replay.ts'
export type { JournalUndo } from './journal/undo-journal.ts'
export { ownMark, ownMask, slotCount, slotMark } from './marks.ts'
export type { Link, LinkAddress } from './netlink/link.ts'
export { openNetlink, type NetlinkSocket } from './netlink/netlink-socket.ts'
export type { NetworkEvent } from './netlink/network-watch.ts'
export { openRouteControl, type RouteAnswer, type RouteControl } from './netlink/route-control.ts'
export type { Route, RouteType } from './netlink/route.ts'
export type { Rule, RuleAction } from './netlink/rule.ts'
export { probeCapabilities, type ProbeOptions } from './probe/probe-host.ts'
export type { ProbeResult } from './probe/probe-result.ts'
export { detectResolver, type DetectOptions } from './resolver/detect-resolver.ts'
export { flushResolverCaches } from './resolver/flush-caches.ts'
export { planHostsFile, type HostsEntry, type HostsOptions } from './resolver/hosts-file.ts'
export { planResolver } from './resolver/plan-resolver.ts'
export type { ResolverErrorCode } from './resolver/resolver-error.ts'
export type { ResolvConfFacts, ResolvconfFacts, ResolvedFacts, ResolverFacts, ResolverManager, ResolverMethod, ResolverWanted } from './resolver/resolver-facts.ts'
export { resolverGuidance } from './resolver/resolver-guidance.ts'
export { resolverPerformers } from './resolver/resolver-performers.ts'
export { openResolverLink, resolverLinkName, type ResolverLink, type ResolverLinkOptions } from './resolver/resolver-link.ts'
export { openResolverSettings, type ResolverSettings, type ResolverSettingsOptions } from './resolver/resolver-settings.ts'
export { upstreamsOf } from './resolver/upstreams.ts'
export { claimSlot, type Slot } from './slot/claim-slot.ts'
export { connectMarked, type MarkedConnectionOptions } from './sockets/marked-connection.ts'
export type { ReceivedDatagram } from './sockets/receive-arena.ts'
export {
  openTransparentListener,
  type TransparentListener,
  type TransparentListenerOptions,
} from './sockets/transparent-listener.ts'
export { markDescriptor, openUdpDescriptor, type UdpSocketOptions } from './sockets/udp-descriptor.ts'
export { openUdpSocket, type BatchedUdpSocket } from './sockets/udp-socket.ts'
export { openTunLink, type TunLink } from './tun/tun-link.ts'
