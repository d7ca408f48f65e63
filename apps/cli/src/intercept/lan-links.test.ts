import { expect, it } from 'vitest'
import { missingLinks, tellMissing } from './lan-links.ts'

it('names interfaces that this host does not have, and those that it has', () => {
  const links = () => ['lo', 'eth0', 'lan0']
  expect(missingLinks(['lan0', 'eth0'], links)).toEqual([])
  expect(missingLinks(['lan1', 'eth0'], links).map(tellMissing)).toEqual([
    '--lanIf lan1: this host has no such interface now (it has eth0, lan0); neighbours behind it are served when it is there',
  ])
})

it('asks nothing where none is wanted', () => {
  const links = () => {
    throw new Error('asked')
  }
  expect(missingLinks([], links)).toEqual([])
})
