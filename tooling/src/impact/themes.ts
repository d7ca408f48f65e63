import type { Theme } from './theme.ts'
import { closingThemes } from './themes/closing.ts'
import { establishedThemes } from './themes/established.ts'
import { handshakeThemes } from './themes/handshake.ts'
import { internetThemes } from './themes/internet.ts'
import { windowThemes } from './themes/windows.ts'

export const themes: readonly Theme[] = [...handshakeThemes, ...establishedThemes, ...windowThemes, ...closingThemes, ...internetThemes]
