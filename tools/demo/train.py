"""Train the demo checkpoint on a CPU.

    python3 tools/demo/train.py --work FOLDER --steps N --decay-steps D

Every worker is a process with one thread: gradients are averaged once a step, so a busy machine costs little. The run goes
on from FOLDER/state.pt where it exists. What a step reads depends on its number and the seed alone; the learning rate is
warm-up, a flat part, then a straight line to zero over the last D of N steps. So a run may be ended at any time: stop it
(SIGTERM or SIGINT; the state is saved) and start it again with --steps (steps done + D).

Hidden matrices are updated by Muon (momentum, then the nearest semi-orthogonal matrix by a Newton-Schulz iteration;
Keller Jordan 2024, scaled to the update size of Adam as in arXiv:2502.16982), embeddings and norms by AdamW.
"""
import argparse
import os
import signal
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from safetensors.torch import load_file

from llama import CONFIG, Llama

BOS = 1
EVAL_CHUNKS, EVAL_LEN = 24, 512


def batch(stream, seed, step, rank, world, rows, length):
    """Rows of this worker in this step: BOS and length - 1 tokens, and the tokens that follow each.

    An epoch cuts the stream into windows of `length`, from an offset of its own, in an order of its own.
    """
    windows = len(stream) // length - 1
    out = np.empty((rows, length + 1), dtype=np.int64)
    for r in range(rows):
        epoch, i = divmod((step * world + rank) * rows + r, windows)
        rng = np.random.default_rng([seed, epoch, length])
        offset, order = rng.integers(length), rng.permutation(windows)
        at = offset + order[i] * length
        out[r, 0], out[r, 1:] = BOS, stream[at:at + length]
    return torch.from_numpy(out[:, :-1].copy()), torch.from_numpy(out[:, 1:].copy())


def orthogonalize(g):
    """g [n][rows][cols] -> the same with singular values near 1, by five steps of a quintic iteration in bf16."""
    tall = g.shape[1] > g.shape[2]
    x = (g.mT if tall else g).bfloat16()
    x = x / (x.float().norm(dim=(1, 2), keepdim=True) + 1e-7).bfloat16()
    for _ in range(5):
        s = x @ x.mT
        x = 3.4445 * x + (-4.775 * s + 2.0315 * (s @ s)) @ x
    return (x.mT if tall else x).float()


class Optimizer:
    """State is one flat momentum buffer for the matrices and two for the rest, in the order of named_parameters."""

    def __init__(self, model):
        named = list(model.named_parameters())
        self.other = [(p, 0.0) for n, p in named if p.dim() == 1 or "embed" in n]
        groups = {}
        for n, p in named:
            if p.dim() == 2 and "embed" not in n:
                groups.setdefault(tuple(p.shape), []).append(p)
        self.groups = list(groups.items())
        self.momentum = [torch.zeros(len(ps), *shape) for shape, ps in self.groups]
        self.m = [torch.zeros_like(p) for p, _ in self.other]
        self.v = [torch.zeros_like(p) for p, _ in self.other]

    @torch.no_grad()
    def update(self, step, lr, decay):
        for (shape, ps), mom in zip(self.groups, self.momentum):
            g = torch.stack([p.grad for p in ps])
            mom.lerp_(g, 0.05)
            u = orthogonalize(g.lerp(mom, 0.95)) * (0.2 * max(shape) ** 0.5)
            for p, d in zip(ps, u):
                p.mul_(1 - lr * decay).sub_(d, alpha=lr)
        b1, b2 = 0.9, 0.95
        for (p, wd), m, v in zip(self.other, self.m, self.v):
            m.lerp_(p.grad, 1 - b1)
            v.lerp_(p.grad.square(), 1 - b2)
            d = (m / (1 - b1 ** (step + 1))) / ((v / (1 - b2 ** (step + 1))).sqrt() + 1e-8)
            p.mul_(1 - lr * wd).sub_(d, alpha=lr)

    def state(self):
        return dict(momentum=self.momentum, m=self.m, v=self.v)

    def load(self, state):
        for name, values in state.items():
            for mine, saved in zip(getattr(self, name), values):
                mine.copy_(saved)


def rate(step, a):
    return a.lr * min(1.0, (step + 1) / a.warmup_steps, (a.steps - step) / max(1, a.decay_steps))


@torch.no_grad()
def heldout_loss(model, tokens):
    n = EVAL_LEN
    chunks = torch.from_numpy(tokens.astype(np.int64))
    total = len(chunks) // n
    picks = [i * total // EVAL_CHUNKS for i in range(EVAL_CHUNKS)]
    losses = []
    for i in picks:
        ids = chunks[i * n:(i + 1) * n].clone()[None]
        target = ids[:, 1:].clone()
        ids[:, 0] = BOS
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(ids[:, :-1]).float()
        half = n // 2
        losses.append(torch.nn.functional.cross_entropy(logits[0, half:], target[0, half:]).item())
    return sum(losses) / len(losses)


def average(model, extra, world):
    """Mean of all gradients over the workers, and the sum of the numbers in `extra`."""
    params = list(model.parameters())
    flat = torch.cat([p.grad.flatten() for p in params] + [extra])
    dist.all_reduce(flat)
    at = 0
    for p in params:
        p.grad.copy_(flat[at:at + p.numel()].view_as(p)).div_(world)
        at += p.numel()
    return flat[at:]


def place(model, step, rank, a):
    """Set the model's rotary tables to the positions of this step's rows.

    They are 0, 1, 2, ...; from --gap-from on every fourth step skips positions at one place, so that distances up to
    --long-length are seen in short rows (arXiv:2309.10400). Only the tables' contents change: nothing is compiled anew.
    """
    pos = torch.arange(model.cos.shape[0])
    if step >= a.gap_from and step % 4 == 3:
        rng = np.random.default_rng([a.seed, 2, step, rank])
        at, gap = rng.integers(1, a.length), rng.integers(1, a.long_length - a.length + 1)
        pos[at:a.length] += int(gap)
    c = model.config
    f = c["rope_theta"] ** (-torch.arange(0, c["head_dim"], 2).double() / c["head_dim"])
    angle = pos.double()[:, None] * f
    model.cos.copy_(angle.cos())
    model.sin.copy_(angle.sin())


def save(path, model, opt, step, a):
    tmp = path.with_suffix(".tmp")
    torch.save(dict(step=step, model=model.state_dict(), opt=opt.state(), args={k: str(v) for k, v in vars(a).items()}), tmp)
    os.replace(tmp, path)


def work(rank, a):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{a.rendezvous}", rank=rank, world_size=a.workers)
    stop = []
    for s in (signal.SIGTERM, signal.SIGINT):
        signal.signal(s, lambda *_: stop.append(1))
    stream, held = np.load(a.work / "train.npy"), np.load(a.work / "heldout.npy")
    model = Llama(CONFIG)
    model.init_weights(a.seed)
    opt = Optimizer(model)
    path, step = a.work / "state.pt", 0
    if a.init and not path.exists():
        weights = {k.removeprefix("model."): v.float() for k, v in load_file(a.init).items()}
        model.load_state_dict(weights)
    if path.exists():
        state = torch.load(path, weights_only=True)
        step = state["step"]
        model.load_state_dict(state["model"])
        opt.load(state["opt"])
    loss_of = torch.compile(model.loss, dynamic=False)
    began = last = time.monotonic()
    first = step
    while step < a.steps:
        length = a.long_length if step >= a.long_from else a.length
        rows = a.tokens // (length * a.workers)
        if a.gap_from <= step < a.long_from:
            place(model, step, rank, a)
        ids, target = batch(stream, a.seed, step, rank, a.workers, rows, length)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(ids, target)
        model.zero_grad(set_to_none=True)
        loss.backward()
        got = average(model, torch.tensor([loss.item(), float(len(stop))]), a.workers)
        opt.update(step, rate(step, a), a.weight_decay)
        step += 1
        now = time.monotonic()
        if rank == 0 and step % 10 == 0:
            print(f"step {step} length {length} loss {got[0].item() / a.workers:.4f} lr {rate(step - 1, a):.2e} "
                  f"tok/s {(step - first) * a.tokens / (now - began):.0f} epoch {step * a.tokens / len(stream):.2f}", flush=True)
        ending = got[1].item() > 0 or step >= a.steps
        if rank == 0 and (ending or now - last > a.save_seconds):
            save(path, model, opt, step, a)
            last = now
            place(model, 0, rank, a)
            print(f"step {step} held-out loss {heldout_loss(model, held):.4f} ({time.strftime('%H:%M:%S')})", flush=True)
        if ending:
            break
    dist.barrier()
    dist.destroy_process_group()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--work", type=Path, required=True, help="folder that prepare.py filled; holds state.pt too")
    ap.add_argument("--steps", type=int, required=True, help="last step of the schedule")
    ap.add_argument("--decay-steps", type=int, default=0, help="steps at the end in which the rate falls to zero")
    ap.add_argument("--warmup-steps", type=int, default=60)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--weight-decay", type=float, default=0.1, help="of the hidden matrices")
    ap.add_argument("--tokens", type=int, default=8192, help="tokens per step, all workers together")
    ap.add_argument("--length", type=int, default=512, help="tokens per row")
    ap.add_argument("--long-length", type=int, default=1024, help="tokens per row from --long-from on")
    ap.add_argument("--long-from", type=int, default=1 << 60, metavar="STEP", help="first step with --long-length")
    ap.add_argument("--gap-from", type=int, default=1 << 60, metavar="STEP",
                    help="first step from which every fourth has a gap in its positions, up to --long-length")
    ap.add_argument("--init", type=Path, metavar="FILE", help="where there is no state: weights to begin with (model.safetensors)")
    ap.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    ap.add_argument("--save-seconds", type=float, default=240, help="time between saved states")
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    a.rendezvous = (a.work / f"rendezvous.{os.getpid()}").absolute()
    ctx = mp.start_processes(work, args=(a,), nprocs=a.workers, join=False, start_method="spawn")
    for s in (signal.SIGTERM, signal.SIGINT):
        signal.signal(s, lambda *_: [p.terminate() for p in ctx.processes])
    while not ctx.join():
        pass
    a.rendezvous.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
