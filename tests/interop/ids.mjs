// llama.cpp's ids of lines: ids.mjs PACKAGES, then on standard input one JSON a line: {"model": GGUF, "lines": FILE,
// "ids": FILE to write}. Special tokens are recognized in the text, none are added. Prints one line a job: "ok", or
// why the file is refused.
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import {pathToFileURL} from "node:url";

const entry = path.join(process.argv[2], "node_modules/node-llama-cpp/dist/index.js");
const {getLlama} = await import(pathToFileURL(path.resolve(entry)).href);
const llama = await getLlama({gpu: false, build: "never", logLevel: "disabled", progressLogs: false});

for await (const job of readline.createInterface({input: process.stdin})) {
    const {model: modelPath, lines, ids} = JSON.parse(job);
    try {
        const model = await llama.loadModel({modelPath: path.resolve(modelPath), vocabOnly: true});
        const texts = fs.readFileSync(lines, "utf8").split("\n").slice(0, -1);
        fs.writeFileSync(ids, texts.map((t) => `${model.tokenize(t, true).join(" ")}\n`).join(""));
        await model.dispose();
        console.log("ok");
    } catch (e) {
        console.log(String(e.message ?? e).split("\n")[0]);
    }
}
process.exit(0);
