import { align4 } from '../../netlink/attribute.ts'
import { firewallError } from '../firewall-error.ts'
import { describeField, encodeOperand, isSingle, renderOperand, type FieldBytes, type FieldType, type FieldValues, type Range } from './field.ts'

/**
 * A named set of values, or of tuples of values when it has several fields. Without `interval` it is a hash table: each
 * look-up and each change takes the same time, whatever the number of elements. With `interval` each field of an element
 * may be a range or a prefix; several fields then make the kernel's pipapo set, whose look-up compares bits of all elements
 * at once (0.6 µs more with 10,000 than with 10), and from which removing is slow (`deleteElements`).
 */
export interface NftSet<Fields extends readonly FieldType[] = readonly FieldType[]> {
  readonly name: string
  readonly fields: Fields
  readonly interval?: boolean
}

/** One value for each field. */
export type SetElement<Fields extends readonly FieldType[] = readonly FieldType[]> = {
  readonly [Index in keyof Fields]: FieldValues[Fields[Index]] | Range<FieldValues[Fields[Index]]>
}

/** `nftSet('services', ['ipv4_addr', 'inet_proto', 'inet_service'], { interval: true })`. */
export function nftSet<const Fields extends readonly FieldType[]>(
  name: string,
  fields: Fields,
  options: { interval?: boolean } = {},
): NftSet<Fields> {
  return { name, fields, ...options }
}

/** A field takes whole words of 4 bytes in a register, and hence in the key of a tuple. */
export function paddedBytes(type: FieldType): number {
  return align4(describeField(type).bytes)
}

/** A single field is not padded. */
export function keyBytes({ fields }: NftSet): number {
  const [only] = fields
  if (fields.length === 1 && only) return describeField(only).bytes
  return fields.reduce((sum, type) => sum + paddedBytes(type), 0)
}

export function isConcatenatedInterval(set: NftSet): boolean {
  return set.interval === true && set.fields.length > 1
}

/** nft's number of a tuple's type: six bits a field, the first one highest. */
export function keyTypeId({ fields }: NftSet): number {
  return fields.reduce((id, type) => (id << 6) | describeField(type).typeId, 0)
}

/** Writes the two ends of an element into `key`, whose halves are as long as the set's key. */
export function encodeElement(set: NftSet, element: SetElement, key: FieldBytes): void {
  if (element.length !== set.fields.length) throw elementError(set, element, `takes ${set.fields.length} values each`)
  key.from.fill(0)
  key.to.fill(0)
  let offset = 0
  set.fields.forEach((type, index) => {
    const bytes = encodeOperand(type, element[index] ?? '')
    if (!set.interval && !isSingle(bytes)) throw elementError(set, element, 'was made without interval')
    key.from.set(bytes.from, offset)
    key.to.set(bytes.to, offset)
    offset += paddedBytes(type)
  })
}

export function renderElement(set: NftSet, element: SetElement): string {
  return set.fields.map((type, index) => renderOperand(type, element[index] ?? '')).join(' . ')
}

function elementError(set: NftSet, element: SetElement, rule: string) {
  return firewallError('firewall.malformed', `${renderElement(set, element)}: the set ${set.name} ${rule}`, { set: set.name })
}
