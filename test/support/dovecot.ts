import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePorts } from "../../scripts/environment/ports.ts";

export interface DovecotOptions {
  /** PEM, for the TLS port and STARTTLS. */
  readonly certificate: string;
  readonly key: string;
  /** What it says that it can once somebody is logged in, instead of all that it can. */
  readonly capability?: string;
}

/** A Dovecot of its own in a scratch folder: any user name has a mailbox, with one password for all. */
export interface Dovecot {
  readonly host: "127.0.0.1";
  /** In the clear, with STARTTLS on offer. */
  readonly port: number;
  /** TLS from the first byte. */
  readonly tlsPort: number;
  readonly password: string;
  /** Makes it forget the numbers of a user's INBOX: the mails get new UIDs under a new UIDVALIDITY. Nobody may be logged in. */
  renumber(user: string): void;
  stop(): Promise<void>;
  /** After `stop`: the same mailboxes at the same ports. */
  start(): Promise<void>;
  /** Stops it and removes everything. */
  remove(): Promise<void>;
}

const PASSWORD = "one-for-all";
const READY_MS = 60_000;
const STOP_MS = 5_000;
/** Who it runs as when tests run as root: Dovecot refuses to serve mail as root. */
const NOBODY = { name: "nobody", group: "nogroup", uid: 65_534, gid: 65_534 };

/** Starts a Dovecot; installs it on Debian if it has to and may. @throws Error that says what to do */
export async function startDovecot(options: DovecotOptions): Promise<Dovecot> {
  const binary = findDovecot();
  const dir = mkdtempSync(join(tmpdir(), "fluxo-dovecot-"));
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? NOBODY : { name: userInfo().username, group: execFileSync("id", ["-gn"], { encoding: "utf8" }).trim(), uid: userInfo().uid, gid: userInfo().gid };
  // It leaves its ports and comes back to them.
  const [port = 0, tlsPort = 0] = await findFreePorts(2);
  for (const folder of ["run", "state", "mail"]) mkdirSync(join(dir, folder));
  writeFileSync(join(dir, "certificate.pem"), options.certificate);
  writeFileSync(join(dir, "key.pem"), options.key);
  writeFileSync(join(dir, "dovecot.conf"), configuration(dir, user, port, tlsPort) + (options.capability === undefined ? "" : `imap_capability = ${options.capability}\n`));
  if (isRoot) for (const path of ["", "run", "state", "mail", "certificate.pem", "key.pem", "dovecot.conf"]) chownSync(join(dir, path), user.uid, user.gid);
  const server = new DovecotProcess(binary, dir, isRoot ? user : undefined, [port, tlsPort]);
  await server.start();
  return {
    host: "127.0.0.1",
    port,
    tlsPort,
    password: PASSWORD,
    renumber: (name) => {
      const maildir = join(dir, "mail", name, "Maildir");
      for (const file of readdirSync(maildir)) if (/^dovecot[.-](?:uidlist|index|list)/.test(file)) rmSync(join(maildir, file), { recursive: true });
    },
    stop: () => server.stop(),
    start: () => server.start(),
    remove: async () => {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

class DovecotProcess {
  readonly #binary: string;
  readonly #dir: string;
  readonly #user: { readonly uid: number; readonly gid: number } | undefined;
  readonly #ports: readonly number[];
  #process: ChildProcess | undefined;

  constructor(binary: string, dir: string, user: { readonly uid: number; readonly gid: number } | undefined, ports: readonly number[]) {
    this.#binary = binary;
    this.#dir = dir;
    this.#user = user;
    this.#ports = ports;
  }

  async start(): Promise<void> {
    const own = this.#user === undefined ? {} : { uid: this.#user.uid, gid: this.#user.gid };
    const started = spawn(this.#binary, ["-F", "-c", join(this.#dir, "dovecot.conf")], { ...own, detached: true, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    started.stderr.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
    this.#process = started;
    const untilMs = Date.now() + READY_MS;
    for (const port of this.#ports) {
      while (!(await isOpen(port))) {
        if (started.exitCode !== null || Date.now() > untilMs) throw new Error(`Dovecot did not start: ${said}${this.#log()}`);
        await sleep(50);
      }
    }
  }

  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    signalGroup(running, "SIGTERM");
    await Promise.race([ended, sleep(STOP_MS)]);
    // Sessions outlive their server for a while, with connections that nobody accepted anew.
    signalGroup(running, "SIGKILL");
    await ended;
  }

  #log(): string {
    const path = join(this.#dir, "dovecot.log");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }
}

/** To the server and all that it started; one that is gone is none. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function configuration(dir: string, { name, group }: { readonly name: string; readonly group: string }, port: number, tlsPort: number): string {
  return `protocols = imap
listen = 127.0.0.1
base_dir = ${dir}/run
state_dir = ${dir}/state
log_path = ${dir}/dovecot.log
default_internal_user = ${name}
default_internal_group = ${group}
default_login_user = ${name}
first_valid_uid = 1
first_valid_gid = 1
ssl = yes
ssl_cert = <${dir}/certificate.pem
ssl_key = <${dir}/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
auth_mechanisms = plain
mail_location = maildir:~/Maildir
mail_max_userip_connections = 100
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = ${tlsPort}
    ssl = yes
  }
}
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = static
  args = uid=${name} gid=${group} home=${dir}/mail/%u
}
`;
}

function findDovecot(): string {
  const found = lookForDovecot();
  if (found !== undefined) return found;
  const advice = "Install Dovecot's IMAP server (on Debian: apt-get install dovecot-imapd), or put `dovecot` on the PATH.";
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) throw new Error(`These tests need Dovecot, which is not here. ${advice}`);
  console.error("Dovecot is not here: installing dovecot-imapd with apt-get …");
  // Several test files may want it at the same time: they wait for the package manager in turn.
  const run = (words: readonly string[]): boolean => spawnSync("apt-get", [...words], { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } }).status === 0;
  if (!run(["-o", "DPkg::Lock::Timeout=180", "install", "-y", "--no-install-recommends", "dovecot-imapd"])) {
    run(["update"]);
    run(["-o", "DPkg::Lock::Timeout=180", "install", "-y", "--no-install-recommends", "dovecot-imapd"]);
  }
  const installed = lookForDovecot();
  if (installed === undefined) throw new Error(`apt-get could not install dovecot-imapd. ${advice}`);
  return installed;
}

function lookForDovecot(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, "dovecot")).find((path) => existsSync(path));
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (isConnected: boolean): void => {
      socket.destroy();
      resolve(isConnected);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
