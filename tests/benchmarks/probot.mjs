// Probot with one handler that does nothing: the reference of webhook.py. Arguments: port, secret.
import { createServer } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import { createNodeMiddleware, createProbot } from "probot";

const [port, secret] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const probot = createProbot({
  defaults: { logLevel: "fatal" },
  overrides: { appId: 1, secret, privateKey: privateKey.export({ type: "pkcs1", format: "pem" }) },
});
const nothing = (app) => app.on("issues", async () => {});
const middleware = await createNodeMiddleware(nothing, { probot, webhooksPath: "/webhooks/github" });
createServer(middleware).listen(Number(port), "127.0.0.1", () => console.log("ready"));
