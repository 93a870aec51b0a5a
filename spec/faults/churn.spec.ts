import { churnFaults } from './churn.ts'
import { survived } from './survived.ts'

survived(churnFaults)
