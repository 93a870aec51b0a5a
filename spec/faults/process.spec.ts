import { processFaults } from './process.ts'
import { survived } from './survived.ts'

survived(processFaults)
