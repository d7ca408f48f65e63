import { writeCounter, type Counter } from './counter.ts'
import { renderInSet, writeInSet, type InSet } from './in-set.ts'
import { renderMatch, writeMatch, type Match } from './match.ts'
import { renderReject, writeReject, type Reject } from './reject.ts'
import type { RuleWriter } from './rule-writer.ts'
import { renderSetMark, writeSetMark, type SetMark } from './set-mark.ts'
import { renderTproxy, writeTproxy, type Tproxy } from './tproxy.ts'
import { renderVerdict, writeVerdict, type Verdict } from './verdict.ts'

/** A part of a rule. They are worked through in order; the first that does not match ends the rule. */
export type Expression = Match | InSet | SetMark | Tproxy | Counter | Reject | Verdict

export function writeRuleExpression(rule: RuleWriter, expression: Expression): void {
  switch (expression.kind) {
    case 'match': return writeMatch(rule, expression)
    case 'inSet': return writeInSet(rule, expression)
    case 'setMark': return writeSetMark(rule, expression)
    case 'tproxy': return writeTproxy(rule, expression)
    case 'counter': return writeCounter(rule)
    case 'reject': return writeReject(rule, expression)
    case 'verdict': return writeVerdict(rule, expression)
  }
}

export function renderExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'match': return renderMatch(expression)
    case 'inSet': return renderInSet(expression)
    case 'setMark': return renderSetMark(expression)
    case 'tproxy': return renderTproxy(expression)
    case 'counter': return 'counter'
    case 'reject': return renderReject(expression)
    case 'verdict': return renderVerdict(expression)
  }
}
