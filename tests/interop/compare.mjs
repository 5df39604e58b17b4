// Reads what interop_dump wrote and evaluates the same tokens with llama.cpp on the same file.
//
//   compare.mjs PACKAGES MODEL greedy LINES PROMPTS          every token that adze chose by a clear margin must
//                                                            be llama.cpp's choice too; text gives the same ids
//   compare.mjs PACKAGES MODEL ids LINES LOGITS LIMIT        every log-probability above ln(1e-3) is within LIMIT of
//                                                            llama.cpp's with caches in f32
//   compare.mjs PACKAGES MODEL embed VECTORS TEXTS           VECTORS: what `adze embed` prints for TEXTS; the cosine with
//                                                            llama.cpp's own vector is at least 0.9999
//   compare.mjs PACKAGES MODEL chunks LINES LOGITS EXACT     quantized weights: mean KL <= 1e-3; first choices agree
//                                                            in 99 % of all positions; or in 98 % of all and 99.9 %
//                                                            of those that adze decides by a clear lead, and adze
//                                                            is nearer than llama.cpp to EXACT, the logits of the
//                                                            same weights unpacked and multiplied in f32
//
// PACKAGES is the folder that holds node_modules. Exit 0: agrees; 1: does not.
import fs from "node:fs";
import path from "node:path";
import {pathToFileURL} from "node:url";

const CLEAR_MARGIN = 0.02; // in logits; below it, rounding may decide
const CLEAR_LEAD = 0.2; // the same where activations are rounded to 8 bits, by each program in its own way
const SEEN = Math.log(1e-3);
const TOP1 = 0.99, TOP1_LEAST = 0.98, TOP1_CLEAR = 0.999, KL = 1e-3;
const [packages, file, mode, linesPath, ...rest] = process.argv.slice(2);
const entry = path.join(packages, "node_modules/node-llama-cpp/dist/index.js");
const {getLlama} = await import(pathToFileURL(path.resolve(entry)).href);

const llama = await getLlama({gpu: false, build: "never", logLevel: "error", progressLogs: false});
const model = await llama.loadModel({modelPath: path.resolve(file)});
const caches = mode === "ids" ? {experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32"} : {};
const context = mode === "embed" ? null : await model.createContext({contextSize: 512, batchSize: 512, flashAttention: false, threads: 1, ...caches});
const sequence = context?.getSequence();
const lines = fs.readFileSync(linesPath, "utf8").trim().split("\n").map((l) => JSON.parse(l));
const options = {temperature: 1, topK: 0, topP: 1, minP: 0};

// Distributions after ids[from ..]; a Map from id to probability each, highest first.
async function distributions(ids, from) {
    await sequence.clearHistory();
    const input = ids.map((id, i) => (i < from ? id : [id, {generateNext: {probabilities: true, options}}]));
    const out = await sequence.controlledEvaluate(input);
    return out.slice(from).map((o) => o.next.probabilities);
}

const top = (map) => map.keys().next().value;

async function greedy(promptsPath) {
    const prompts = fs.readFileSync(promptsPath, "utf8").split("\n").filter((l) => l.length);
    let compared = 0, unclear = 0, differ = 0, badIds = 0;
    for (const [i, line] of lines.entries()) {
        const text = model.tokenize(prompts[i]);
        const own = line.prompt.slice(line.prompt.length - text.length);
        if (JSON.stringify(own) !== JSON.stringify([...text])) {
            badIds++;
            console.log(`prompt ${i}: ids differ: adze ${own}, llama.cpp ${text}`);
        }
        const ids = [...line.prompt, ...line.new.slice(0, -1)];
        const maps = await distributions(ids, line.prompt.length - 1);
        for (const [k, map] of maps.entries()) {
            if (line.margin[k] < CLEAR_MARGIN) unclear++;
            else if (top(map) === line.new[k]) compared++;
            else {
                differ++;
                console.log(`prompt ${i}, token ${k}: adze ${line.new[k]} (margin ${line.margin[k]}), ` +
                    `llama.cpp ${top(map)}`);
            }
        }
    }
    console.log(`greedy: ${lines.length} prompts, ${compared} tokens equal, ${unclear} without a clear margin, ` +
        `${differ} differ; ids of ${badIds} prompts differ`);
    return differ === 0 && badIds === 0 && compared > 0;
}

// The first choice of a position's logits, by how much it leads, and log-probabilities.
function summary(logits) {
    let max = -Infinity, second = -Infinity, best = 0, sum = 0;
    for (let i = 0; i < logits.length; i++)
        if (logits[i] > max) {
            second = max;
            max = logits[i];
            best = i;
        } else if (logits[i] > second) second = logits[i];
    for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - max);
    const logSum = Math.log(sum);
    return {best, lead: max - second, logP: logits.map((l) => l - max - logSum)};
}

// KL(p || q) in nats of log-probabilities.
function divergence(p, q) {
    let kl = 0;
    for (let i = 0; i < p.length; i++) kl += Math.exp(p[i]) * (p[i] - q[i]);
    return kl;
}

function ofMap(map, vocab) {
    const logP = new Float32Array(vocab).fill(Math.log(1e-30));
    for (const [id, p] of map) logP[id] = Math.log(Math.max(p, 1e-30));
    return {best: top(map), logP};
}

// Mean KL and how often the first choices agree, of a pair of programs.
class Pair {
    kls = [];
    same = 0;
    add(p, q) {
        this.kls.push(divergence(p.logP, q.logP));
        this.same += p.best === q.best;
    }
    get n() { return this.kls.length; }
    get kl() { return this.kls.reduce((a, b) => a + b, 0) / this.n; }
    get top1() { return this.same / this.n; }
    toString() { return `top-1 ${(100 * this.top1).toFixed(2)} %, KL ${this.kl.toExponential(2)}`; }
}

function readLogits(name) {
    const bytes = fs.readFileSync(name);
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

async function chunks(logitsPath, exactPath) {
    const all = readLogits(logitsPath), f32 = readLogits(exactPath);
    const positions = lines.reduce((n, l) => n + l.ids.length - l.from, 0), vocab = all.length / positions;
    const both = new Pair(), own = new Pair(), theirs = new Pair();
    let clear = 0, clearSame = 0, at = 0;
    for (const line of lines) {
        const maps = await distributions(line.ids, line.from);
        for (let k = 0; k < line.ids.length - line.from; k++, at++) {
            const of = (logits) => summary(logits.subarray(at * vocab, (at + 1) * vocab));
            const adze = of(all), exact = of(f32), llama = ofMap(maps[k], vocab);
            both.add(adze, llama);
            own.add(exact, adze);
            theirs.add(exact, llama);
            clear += adze.lead >= CLEAR_LEAD;
            clearSame += adze.lead >= CLEAR_LEAD && adze.best === llama.best;
        }
    }
    console.log(`${both.n} positions, ${both} (${(100 * clearSame / clear).toFixed(2)} % of ${clear} with a clear ` +
        `lead); beside f32 arithmetic on these weights adze ${own}; llama.cpp ${theirs}`);
    const nearer = own.kl <= theirs.kl;
    return both.kl <= KL &&
        (both.top1 >= TOP1 || (both.top1 >= TOP1_LEAST && clearSame >= TOP1_CLEAR * clear && nearer));
}

async function positions(logitsPath, limit) {
    const all = readLogits(logitsPath), ids = lines[0].ids, vocab = all.length / ids.length;
    const maps = await distributions(ids, 0);
    let off = 0, at = 0, same = 0, compared = 0;
    for (let i = 0; i < ids.length; i++) {
        const own = summary(all.subarray(i * vocab, (i + 1) * vocab)), theirs = ofMap(maps[i], vocab);
        same += own.best === theirs.best;
        for (let k = 0; k < vocab; k++) {
            if (Math.max(own.logP[k], theirs.logP[k]) < SEEN) continue;
            compared++;
            const d = Math.abs(own.logP[k] - theirs.logP[k]);
            if (!(d <= off)) [off, at] = [d, i];
        }
    }
    console.log(`${ids.length} positions, ${same} first choices equal, ${compared} log-probabilities within ` +
        `${off.toExponential(1)} (position ${at})`);
    return compared > 0 && off <= Number(limit);
}

async function embeddings(textsPath) {
    const texts = fs.readFileSync(textsPath, "utf8").trim().split("\n");
    const embedder = await model.createEmbeddingContext({threads: 1});
    const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
    const {bos, sep, eos} = model.tokens; // the package leaves a Unigram vocabulary's BOS out, which llama.cpp puts
    let least = 1;
    for (const [i, text] of texts.entries()) {
        const ids = [bos, ...model.tokenize(text), sep ?? eos];
        const a = lines[i].embedding, b = [...(await embedder.getEmbeddingFor(ids)).vector];
        const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
        if (!(cosine >= least)) least = cosine;
    }
    console.log(`${texts.length} texts, cosines at least ${least.toFixed(7)}`);
    return texts.length === lines.length && least >= 0.9999;
}

const ok = mode === "embed" ? await embeddings(rest[0]) : mode === "greedy" ? await greedy(rest[0]) : mode === "ids" ? await positions(...rest) : await chunks(...rest);
process.exit(ok ? 0 : 1);
