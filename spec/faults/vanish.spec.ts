import { survived } from './survived.ts'
import { vanishFaults } from './vanish.ts'

survived(vanishFaults)
