import type { HostChange } from '@tunnel/flow'
import { expect, it } from 'vitest'
import { renderPlan } from './render-plan.ts'

it('shows each change with its undo, and the text that it consists of', () => {
  const changes: HostChange[] = [
    { kind: 'route.add', summary: 'local 10.0.0.0/8 dev lo', parameters: { table: 7 }, undo: { kind: 'route.remove', summary: 'remove local 10.0.0.0/8', parameters: {} } },
    { kind: 'nftables.table', summary: 'add table inet ziti-tunnel', parameters: { text: 'table inet ziti-tunnel {\n}\n' } },
  ]
  expect(renderPlan(changes, ['one thing more'])).toBe(
    [
      '2 changes would be made:',
      '',
      '   1  route.add          local 10.0.0.0/8 dev lo',
      '      undo: remove local 10.0.0.0/8',
      '   2  nftables.table     add table inet ziti-tunnel',
      '        | table inet ziti-tunnel {',
      '        | }',
      '      undo: by the kernel, when the process ends',
      '',
      'Note: one thing more',
      '',
      'Nothing was changed.',
      '',
    ].join('\n'),
  )
})

it('says what goes with something else', () => {
  expect(renderPlan([{ kind: 'iptables.intercept', summary: 'intercept', parameters: {} }])).toContain('undo: with the chain that it is in\n')
})

it('says when there is nothing to do, and keeps names from driving the terminal', () => {
  expect(renderPlan([])).toBe('Nothing would be changed.\n\n\nNothing was changed.\n')
  expect(renderPlan([{ kind: 'x', summary: 'a\u001b[31mb', parameters: {} }])).toContain('a\\u001b[31mb')
})
