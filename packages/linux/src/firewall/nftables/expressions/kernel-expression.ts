import type { FieldBytes } from '../field.ts'
import {
  bitwiseAttribute,
  compareAttribute,
  compareOperation,
  dataAttribute,
  expressionAttribute,
  immediateAttribute,
  listAttribute,
  rangeAttribute,
  rangeOperation,
  register,
} from '../kernel-numbers.ts'
import type { MessageWriter } from '../message-writer.ts'

/** One expression of the kernel's little machine: its name, and attributes of its own. */
export function writeExpression(writer: MessageWriter, name: string, fill?: () => void): void {
  writer.nest(listAttribute.element, () => {
    writer.string(expressionAttribute.name, name)
    writer.nest(expressionAttribute.data, fill ?? (() => {}))
  })
}

export function writeData(writer: MessageWriter, attribute: number, value: Uint8Array): void {
  writer.nest(attribute, () => writer.bytes(dataAttribute.value, value))
}

export function writeImmediate(writer: MessageWriter, destination: number, value: Uint8Array): void {
  writeExpression(writer, 'immediate', () => {
    writer.u32(immediateAttribute.register, destination)
    writeData(writer, immediateAttribute.data, value)
  })
}

/** `register = (register & mask) ^ xor`, in the first register. */
export function writeBitwise(writer: MessageWriter, mask: Uint8Array, xor: Uint8Array): void {
  writeExpression(writer, 'bitwise', () => {
    writer.u32(bitwiseAttribute.source, register.first)
    writer.u32(bitwiseAttribute.destination, register.first)
    writer.u32(bitwiseAttribute.length, mask.length)
    writeData(writer, bitwiseAttribute.mask, mask)
    writeData(writer, bitwiseAttribute.xor, xor)
  })
}

export function writeCompare(writer: MessageWriter, operation: number, value: Uint8Array): void {
  writeExpression(writer, 'cmp', () => {
    writer.u32(compareAttribute.register, register.first)
    writer.u32(compareAttribute.operation, operation)
    writeData(writer, compareAttribute.data, value)
  })
}

/** The first register lies, or does not lie, between two values, in the form that nft uses for each. */
export function writeWithin(writer: MessageWriter, { from, to }: FieldBytes, outside: boolean): void {
  if (!outside) {
    writeCompare(writer, compareOperation.greaterOrEqual, from)
    writeCompare(writer, compareOperation.lessOrEqual, to)
    return
  }
  writeExpression(writer, 'range', () => {
    writer.u32(rangeAttribute.register, register.first)
    writer.u32(rangeAttribute.operation, rangeOperation.outside)
    writeData(writer, rangeAttribute.from, from)
    writeData(writer, rangeAttribute.to, to)
  })
}
