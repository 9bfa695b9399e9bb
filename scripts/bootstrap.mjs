#!/usr/bin/env node
// The door of `npm start`, `npm test`, `npm run reset` and `npm run bench`. Runs on Node >= 20 with the standard library alone: it installs the
// dependencies when package-lock.json changed since the last time, then hands over to `scripts/<command>.ts` on Node 24 from npm.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampFile = join(root, "node_modules", ".fluxo-lock");
const nodeBinary = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
const COMMANDS = ["start", "test", "reset", "bench", "bench-dispatch", "chaos", "load"];
const MIN_NODE_MAJOR = 20;

/** Prints what failed, why and what to do, and ends the process. */
function fail(what, why, todo) {
  process.stderr.write(`\n✖ ${what}\n  why:        ${why.trim().split("\n").join("\n              ")}\n  what to do: ${todo}\n\n`);
  process.exit(1);
}

/** What an install depends on; the stamp holds its hash. */
function lockHash() {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\n`);
  try {
    return hash.update(readFileSync(join(root, "package-lock.json"))).digest("hex");
  } catch (error) {
    return fail("package-lock.json cannot be read.", error.message, "restore it: git checkout package-lock.json");
  }
}

function isInstalled(hash) {
  return existsSync(nodeBinary) && existsSync(stampFile) && readFileSync(stampFile, "utf8").trim() === hash;
}

/** npm itself as a command and its first arguments: the one that runs this script, else the one on the PATH. */
function npmCommand() {
  const script = process.env.npm_execpath;
  return script && /npm-cli\.[cm]?js$/.test(script) ? [process.execPath, script] : ["npm"];
}

/** Shows `text` with the elapsed time until the returned function is called: a live line on a terminal, else a line every 15 s. */
function showProgress(text, latest) {
  const startedAt = Date.now();
  const isTty = process.stdout.isTTY === true;
  const elapsed = () => `${Math.round((Date.now() - startedAt) / 1000)} s`;
  if (!isTty) process.stdout.write(`… ${text}\n`);
  const draw = () => {
    const line = `${text} (${elapsed()}) ${latest()}`;
    process.stdout.write(isTty ? `\r\u001b[2K… ${line.slice(0, (process.stdout.columns ?? 80) - 3)}` : `  still at it: ${line}\n`);
  };
  const timer = setInterval(draw, isTty ? 500 : 15_000);
  return (isOk) => {
    clearInterval(timer);
    process.stdout.write(`${isTty ? "\r\u001b[2K" : ""}${isOk ? "✔" : "✖"} ${text} (${elapsed()})\n`);
  };
}

/** Runs `npm ci`. Prisma's engines are not downloaded: Fluxo brings its own schema engine, and their host is often unreachable. */
async function install(hash) {
  const [command, ...prefix] = npmCommand();
  const env = { ...process.env, npm_config_loglevel: "http", npm_config_progress: "false" };
  env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;
  let output = "";
  const done = showProgress("Installing dependencies (npm ci)", () => output.trimEnd().split("\n").at(-1) ?? "");
  const child = spawn(command, [...prefix, "ci", "--no-audit", "--no-fund"], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32",
  });
  const keep = (chunk) => {
    output = (output + chunk).slice(-64_000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const onSignal = (signal) => child.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, onSignal);
  const { code, signal, error } = await new Promise((resolve) => {
    child.on("error", (spawnError) => resolve({ error: spawnError }));
    child.on("close", (exitCode, exitSignal) => resolve({ code: exitCode, signal: exitSignal }));
  });
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(name, onSignal);
  done(code === 0);
  if (error) fail("npm could not be started.", error.message, "install npm (it comes with Node.js) and put it on the PATH.");
  if (signal || code === 130) process.exit(130);
  if (code !== 0) {
    const lines = output.split("\n").filter((line) => !/^npm (http|warn|info|verbose)/.test(line));
    const errors = lines.filter((line) => /^npm error \S/.test(line));
    const why = (errors.length > 0 ? errors.slice(0, 12) : lines.slice(-25)).join("\n");
    fail("The dependencies could not be installed.", why || `npm ci ended with code ${code}`, "check the connection to the npm registry, then type the same command again. `npm ci` alone shows everything.");
  }
  if (!existsSync(nodeBinary)) {
    fail(
      "npm ci did not bring Node 24.",
      `${nodeBinary} is missing; the install script of the package "node" did not run.`,
      "allow install scripts (npm config get ignore-scripts must say false), then: rm -rf node_modules, and the same command again.",
    );
  }
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, `${hash}\n`);
}

/** The name and the parent of a process. */
function describeProcess(pid) {
  try {
    const [ppid, ...name] = execFileSync("ps", ["-o", "ppid=,comm=", "-p", String(pid)], { encoding: "utf8" }).trim().split(/\s+/);
    return { ppid: Number(ppid), name: name.join(" ") };
  } catch {
    return readProc(pid);
  }
}

/** The same where there is no `ps`, as in slim images. */
function readProc(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return { name: stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")), ppid: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) };
  } catch {
    return { name: "", ppid: 0 };
  }
}

/** The pid of the npm that started us: our parent, or the parent of the shell between; undefined without npm. */
function findNpm() {
  if (!process.env.npm_lifecycle_event || process.platform === "win32") return undefined;
  const parent = describeProcess(process.ppid);
  return /(^|\/)(ba|da|a|z|k)?sh$/.test(parent.name) ? parent.ppid : process.ppid;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Runs the command on Node 24; signals go on to it, its exit code becomes ours, and it learns of our death by the closed channel. */
function handOver(command, args) {
  const bin = join(root, "node_modules", ".bin");
  const separator = process.platform === "win32" ? ";" : ":";
  const child = spawn(nodeBinary, [join(root, "scripts", `${command}.ts`), ...args], {
    cwd: root,
    env: { ...process.env, PATH: `${dirname(nodeBinary)}${separator}${bin}${separator}${process.env.PATH ?? ""}` },
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  const npm = findNpm();
  if (npm !== undefined) {
    // When npm is killed, nobody waits for us any more.
    setInterval(() => {
      if (!isAlive(npm)) child.kill("SIGTERM");
    }, 1000).unref();
  }
  child.on("error", (error) => fail("Node 24 from npm could not be started.", error.message, "rm -rf node_modules, then type the same command again."));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 1)));
}

const [command, ...args] = process.argv.slice(2);
if (!COMMANDS.includes(command)) {
  fail(`Unknown command: ${command ?? "(none)"}`, "scripts/bootstrap.mjs runs one of the commands below.", `use one of: ${COMMANDS.join(", ")} (npm start, npm test, npm run reset, npm run bench, npm run test:chaos, npm run test:load)`);
}
if (Number(process.versions.node.split(".")[0]) < MIN_NODE_MAJOR) {
  fail(`Node ${process.versions.node} is too old.`, `Fluxo needs Node >= ${MIN_NODE_MAJOR} to set itself up (it then runs on Node 24 from npm).`, "install a current Node.js from https://nodejs.org, then type the same command again.");
}
const hash = lockHash();
if (!isInstalled(hash)) await install(hash);
handOver(command, args);
