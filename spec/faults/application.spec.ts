import { applicationFaults } from './application.ts'
import { survived } from './survived.ts'

survived(applicationFaults)
