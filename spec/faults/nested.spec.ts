import { nestedFaults } from './nested.ts'
import { survived } from './survived.ts'

survived(nestedFaults)
