import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { Validator } from '@seriousme/openapi-schema-validator'
import { expect } from 'chai'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { z } from 'zod'
import spillway from '../../lib/plugin.ts'

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly produces?: readonly string[]
  readonly parameters?: ReadonlyArray<Record<string, unknown>>
  readonly responses: Readonly<Record<string, Response>>
}

interface Response {
  /** Of Swagger 2.0. */
  readonly schema?: Schema
  /** Of OpenAPI. */
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
}

interface Schema {
  readonly properties: Readonly<Record<string, object>>
}

const ROUTES = [
  '/spillway/',
  '/spillway/clients',
  '/spillway/clients/{id}',
  '/spillway/clients/{id}/queue',
  '/spillway/closed',
  '/spillway/policy',
  '/spillway/events',
  '/spillway/metrics',
]

const hook = async () => {}
const admin = { auth: hook, changeAuth: hook }

/** What each dialect says of figures that may be null. */
const DIALECTS: ReadonlyArray<
  [name: string, options: FastifyDynamicSwaggerOptions, nullable: object]
> = [
  ['Swagger 2.0, the default', {}, { type: 'number', minimum: 0, 'x-nullable': true }],
  ['OpenAPI 3.0', { openapi: {} }, { type: 'number', minimum: 0, nullable: true }],
  [
    'OpenAPI 3.1',
    { openapi: { openapi: '3.1.0' } },
    { anyOf: [{ type: 'number', minimum: 0 }, { type: 'null' }] },
  ],
]

describe('Admin routes in the documents of the application', () => {
  const open: FastifyInstance[] = []
  const application = (options: FastifyServerOptions = {}) => {
    const app = Fastify(options)
    open.push(app)
    return app
  }
  afterEach(async () => {
    for (const app of open.splice(0)) await app.close()
  })

  const documentOf = async (app: FastifyInstance): Promise<Document> => {
    await app.ready()
    return JSON.parse(JSON.stringify(app.swagger()))
  }

  for (const [dialect, options, nullable] of DIALECTS) {
    describe(`of ${dialect}`, () => {
      for (const ui of [false, true]) {
        it(`are all there, beside its own, and valid${ui ? ', with @fastify/swagger-ui' : ''}`, async () => {
          const app = application()
          await app.register(swagger, options)
          if (ui) await app.register(swaggerUi)
          app.get('/before', async () => 'hi')
          app.register(spillway, { admin })
          app.register(async (child) => void child.get('/after', async () => 'hi'))
          const document = await documentOf(app)
          expect(Object.keys(document.paths)).to.deep.equal(['/before', ...ROUTES, '/after'])
          const { valid, errors } = await new Validator().validate(document as never)
          expect(valid, JSON.stringify(errors)).to.equal(true)
        })
      }

      it('have the HEAD routes of an application that shows its own', async () => {
        const app = application()
        await app.register(swagger, { ...options, exposeHeadRoutes: true })
        await app.register(spillway, { admin })
        const document = await documentOf(app)
        expect(document.paths['/spillway/clients']).to.have.property('head')
        expect(document.paths['/spillway/events']).to.have.property('head')
        const { valid, errors } = await new Validator().validate(document as never)
        expect(valid, JSON.stringify(errors)).to.equal(true)
      })

      it('tell the schemas of answers and queries in its words', async () => {
        const app = application()
        await app.register(swagger, options)
        await app.register(spillway, { admin })
        const { paths } = await documentOf(app)
        const { parameters, responses } = paths['/spillway/clients/{id}']!.get!
        const answer =
          responses[200]!.schema ?? responses[200]!.content!['application/json']!.schema
        expect(answer.properties.minRtt).to.deep.equal(nullable)
        expect(parameters).to.deep.include({ in: 'path', name: 'id', required: true, ...text(100) })
        const query = paths['/spillway/closed']!.get!.parameters!
        expect(query.find(({ name }) => name === 'limit')).to.deep.equal({
          in: 'query',
          name: 'limit',
          required: false,
          ...inParameter({ type: 'integer', minimum: 1, maximum: 200, default: 100 }),
        })
        const events = paths['/spillway/events']!.get!
        expect(events.produces ?? Object.keys(events.responses[200]!.content!)).to.include(
          'text/event-stream',
        )
        expect(paths['/spillway/clients/{id}']!.delete!.responses[204]).to.deep.equal({
          description: 'It is closed.',
        })

        function text(maxLength: number) {
          return inParameter({ type: 'string', maxLength })
        }
        function inParameter(schema: object) {
          return 'openapi' in options ? { schema } : schema
        }
      })

      it('keep what an onRoute hook of the application adds', async () => {
        const app = application()
        await app.register(swagger, options)
        app.addHook('onRoute', (route) => {
          route.schema = { ...route.schema, tags: ['ops'] }
        })
        await app.register(spillway, { admin })
        const { paths } = await documentOf(app)
        expect(paths['/spillway/closed']!.get).to.have.property('tags').that.deep.equals(['ops'])
      })

      it('are hidden where the application shows only routes with a tag', async () => {
        const app = application()
        await app.register(swagger, { ...options, hideUntagged: true })
        app.get('/hi', { schema: { tags: ['mine'] } }, async () => 'hi')
        await app.register(spillway, { admin })
        expect(Object.keys((await documentOf(app)).paths)).to.deep.equal(['/hi'])
      })

      it('are as little documented as those of any plugin before @fastify/swagger is there', async () => {
        const app = application()
        await app.register(async (child) => void child.get('/before', async () => 'hi'))
        await app.register(spillway, { admin })
        await app.register(swagger, options)
        app.get('/hi', async () => 'hi')
        expect(Object.keys((await documentOf(app)).paths)).to.deep.equal(['/hi'])
      })
    })
  }

  for (const [dialect, options] of DIALECTS.slice(1)) {
    it(`leave an application its own zod routes, transform and compilers: ${dialect}`, async () => {
      const app = application()
      app.setValidatorCompiler(validatorCompiler)
      app.setSerializerCompiler(serializerCompiler)
      await app.register(swagger, { ...options, transform: jsonSchemaTransform })
      await app.register(spillway, { admin })
      const querystring = z.object({ n: z.coerce.number() })
      const answer = z.object({ twice: z.number() })
      const schema = { querystring, response: { 200: answer } }
      app
        .withTypeProvider<ZodTypeProvider>()
        .get('/twice', { schema }, async ({ query: { n } }) => ({ twice: 2 * n }))
      const document = await documentOf(app)
      expect(Object.keys(document.paths)).to.have.members([...ROUTES, '/twice'])
      const { valid, errors } = await new Validator().validate(document as never)
      expect(valid, JSON.stringify(errors)).to.equal(true)
      expect((await app.inject('/twice?n=4')).json()).to.deep.equal({ twice: 8 })
      expect((await app.inject('/spillway/closed?limit=1')).json()).to.deep.equal({
        closed: [],
        next: null,
      })
      expect((await app.inject('/spillway/closed?limit=0')).statusCode).to.equal(400)
    })
  }
})

describe('Admin routes in an application', () => {
  /** What an application may have of its own, none of which is meant for our routes. */
  const OWN: Record<
    string,
    [options: FastifyServerOptions, prepare: (app: FastifyInstance) => void]
  > = {
    'strict options of ajv': [
      { ajv: { customOptions: { strict: true, coerceTypes: false, removeAdditional: 'all' } } },
      () => {},
    ],
    'a validator compiler that throws': [
      {},
      (app) => {
        app.setValidatorCompiler(() => {
          throw new Error('not my schema')
        })
      },
    ],
    'a serializer compiler that throws': [
      {},
      (app) => {
        app.setSerializerCompiler(() => {
          throw new Error('not my schema')
        })
      },
    ],
    'a reply serializer': [{}, (app) => void app.setReplySerializer(() => '"wrapped"')],
    'a schema error formatter': [
      {},
      (app) => {
        app.setSchemaErrorFormatter(() => new Error('mine'))
      },
    ],
    'an error handler': [
      {},
      (app) => app.setErrorHandler((_error, _request, reply) => reply.code(418).send('teapot')),
    ],
    'compilers of its schema controller': [
      {
        schemaController: {
          compilersFactory: {
            buildValidator: () => () => {
              throw new Error('not my schema')
            },
            buildSerializer: () => () => {
              throw new Error('not my schema')
            },
          },
        },
      } as FastifyServerOptions,
      () => {},
    ],
    'no HEAD routes': [{ exposeHeadRoutes: false }, () => {}],
    'trailing slashes that do not matter': [
      { routerOptions: { ignoreTrailingSlash: true } },
      () => {},
    ],
  }
  for (const [name, [options, prepare]] of Object.entries(OWN)) {
    it(`answer as elsewhere beside ${name}`, async () => {
      const app = Fastify(options)
      prepare(app)
      await app.register(spillway, { admin: { auth: false, changeAuth: false } })
      await app.ready()
      const page = await app.inject('/spillway/clients?limit=5')
      expect(page.json()).to.deep.equal({ total: 0, clients: [], next: null })
      const refused = await app.inject('/spillway/clients?limit=0')
      expect(refused.statusCode).to.equal(400)
      expect(refused.json().message).to.match(/^query\.limit: was given "0"; allowed: an integer/)
      const changed = await app.inject({
        method: 'PATCH',
        url: '/spillway/policy',
        payload: { maxAge: 500 },
      })
      expect(changed.json()).to.include({ maxAge: 500, changeable: true })
      const head = await app.inject({ method: 'HEAD', url: '/spillway/clients' })
      expect(head.statusCode).to.equal(options.exposeHeadRoutes === false ? 404 : 200)
      await app.close()
    })
  }

  it('are printed with the others', async () => {
    const app = Fastify()
    app.get('/hi', async () => 'hi')
    await app.register(spillway, { admin: { auth: false } })
    await app.ready()
    expect(app.printRoutes({ commonPrefix: false }))
      .to.include('spillway')
      .and.include('hi')
    await app.close()
  })
})
