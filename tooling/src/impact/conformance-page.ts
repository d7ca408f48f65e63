import type { Theme } from './theme.ts'

/** docs/conformance/packetimpact.md: written from the themes, so that it says what is really tried. */
export function conformancePage(themes: readonly Theme[]): string {
  const differing = themes.filter(({ differs }) => differs !== undefined).length
  const rows = themes.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(row)
  return `# The themes of packetimpact

gVisor's packetimpact tries a TCP/IP stack by raw packets: a test speaks with a device behind a wire, which is gVisor's stack or the kernel, and expects the
same of both. These are its ${themes.length} themes, tried by cases of our own on our stack (over a pipe in memory, in virtual time) and on the Linux kernel (behind a TUN
in a network of its own, in real time). The peer writes and reads packets with an encoder that is not the stack's.

In ${themes.length - differing} themes our stack and the kernel do the same. In the other ${differing} something differs on purpose, and the case says for each what it expects.

The cases are in [tooling/src/impact/themes](../../tooling/src/impact/themes); \`pnpm test\` runs them on both (on the kernel as root only). This page is written by
\`vitest run --project unit tooling/src/impact -u\`, and a test fails where it is old.

| theme | cases | the kernel |
|---|---|---|
${rows.join('\n')}
`
}

function row({ name, differs, cases }: Theme): string {
  return `| ${name} | ${cases.map(({ title }) => title.replaceAll('|', '\\|')).join('. ')} | ${differs ? `differs. ${differs}` : 'agrees'} |`
}
