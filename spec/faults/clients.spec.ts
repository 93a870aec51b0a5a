import { clientFaults } from './clients.ts'
import { survived } from './survived.ts'

survived(clientFaults)
