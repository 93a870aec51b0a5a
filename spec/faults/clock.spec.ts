import { clockFaults } from './clock.ts'
import { survived } from './survived.ts'

survived(clockFaults)
