import { existsSync } from 'node:fs'
import type { HostChange } from '@tunnel/flow'
import { insideLink, type InsideSettings } from './inside-settings.ts'

/** What `prepareInside` makes, in its order. Nothing of it has an undo: it goes with the last process in there. */
export function planInside(command: readonly string[], { v4, v6, mtu, files, hidden }: InsideSettings): readonly HostChange[] {
  const change = (kind: string, summary: string, parameters: HostChange['parameters'] = {}): HostChange => ({ kind, summary, parameters })
  const ways = [{ family: 4, address: v4, prefixLength: 32 }, ...(v6 === undefined ? [] : [{ family: 6, address: v6, prefixLength: 128 }])]
  return [
    change('namespace.create', `user, network and mount namespaces for ${command.join(' ')}`),
    ...Object.entries(files).map(([path, text]) => change('file.replace', `${path}, as that command sees it`, { path, text })),
    ...hidden.filter((path) => existsSync(path)).map((path) => change('file.hide', `${path}, which that command does not find`, { path })),
    change('link.create', `${insideLink}, a TUN link with an MTU of ${mtu}`, { device: insideLink, mtu }),
    ...ways.flatMap(({ family, address, prefixLength }) => [
      change('address.add', `${address}/${prefixLength} on ${insideLink}`, { family, address, prefixLength, device: insideLink }),
      change('route.add', `${family === 4 ? '0.0.0.0/0' : '::/0'} dev ${insideLink}`, { family, destination: 'default', device: insideLink }),
    ]),
  ]
}
