"""Sessions of `adze chat` in a terminal: chat_tty.py ADZE MODEL. Run by test_chat_tty.sh."""
import os
import pty
import select
import signal
import subprocess
import sys
import time

ADZE, MODEL = sys.argv[1:]


class Session:
    """A program in a terminal of its own. `all` is what it has printed, `seen` what was not looked at yet."""

    def __init__(self, *options):
        self.all = self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(ADZE, [ADZE, "chat", MODEL, "--greedy", *options])

    def read(self):
        try:
            data = os.read(self.fd, 4096) if select.select([self.fd], [], [], 0.1)[0] else b""
        except OSError:             # the other side is gone
            return False
        self.all += data
        self.seen += data
        return True

    def until(self, text, seconds=60):
        end = time.time() + seconds
        while text not in self.seen and time.time() < end and self.read():
            pass
        if text not in self.seen:
            os.kill(self.pid, signal.SIGKILL)
            sys.exit(f"{text!r} did not come: {self.all[-600:]!r}")
        self.seen = self.seen[self.seen.index(text) + len(text):]

    def say(self, text):
        os.write(self.fd, text)

    def ends(self, code):
        while self.read():
            pass
        status = os.waitpid(self.pid, 0)[1]
        if not os.WIFEXITED(status) or os.WEXITSTATUS(status) != code:
            sys.exit(f"status {status}, expected exit {code}: {self.all[-600:]!r}")
        self.all.decode()           # never half a character
        os.close(self.fd)


def interrupted_answer():
    """Ctrl-C stops the answer, the program goes on, and Ctrl-D ends it."""
    s = Session("-n", "0")
    s.until(b"/help lists the commands")
    s.until(b"> ")
    s.say(b"Tell me a long story\n")
    s.until(b"story\r\n")
    s.until(b" ")
    s.say(b"\x03")
    s.until(b"(stopped)")
    s.until(b"in the context]")
    s.until(b"> ")
    s.say(b"Go on\n")
    s.until(b"Go on\r\n")
    s.until(b" ")
    s.say(b"\x03")
    s.until(b"> ")
    s.say(b"\x04")
    s.ends(0)


def interrupted_prompt():
    """At the prompt the first Ctrl-C gives up the line, as one that comes just behind an answer should; the second ends the program."""
    s = Session("-n", "4")
    s.until(b"> ")
    s.say(b"half a li\x03")
    s.until(b"leaves)")
    s.until(b"> ")
    s.say(b"Hello\n")
    s.until(b"tokens read")
    s.until(b"> ")
    s.say(b"\x03")
    s.until(b"leaves)")
    s.until(b"> ")
    s.say(b"\x03")
    s.ends(130)


def interrupted_pipe():
    """From a pipe Ctrl-C ends the program: nobody is there to ask something else."""
    p = subprocess.Popen([ADZE, "chat", MODEL, "--greedy", "-n", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdin.write(b"Hello\nHello\n")
    p.stdin.close()
    os.read(p.stdout.fileno(), 1)
    p.send_signal(signal.SIGINT)
    p.stdout.read()
    said = p.stderr.read()
    if p.wait() != 130:
        sys.exit(f"interrupted from a pipe: exit {p.returncode}")
    if b"adze: interrupted\n" not in said:  # nothing of a conversation is kept
        sys.exit(f"interrupted from a pipe: {said!r}")


def full_context():
    """A conversation that no longer fits is said, and another one can begin."""
    s = Session("-n", "0", "-c", "64")
    s.until(b"> ")
    s.say(b"Tell a story\n")
    s.until(b"(cut at ")
    s.until(b"64 of 64 in the context]")
    s.until(b"> ")
    s.say(b"more\n")
    s.until(b"the context holds 64")
    s.until(b"begins anew")
    s.until(b"> ")
    s.say(b"/reset\n")
    s.until(b"(a new conversation)")
    s.until(b"> ")
    s.say(b"Tell a story\n")
    s.until(b"64 of 64 in the context]")
    s.until(b"> ")
    s.say(b"/exit\n")
    s.ends(0)


def keeps_history():
    """The second prompt is read from where it differs: both turns are in the context then, with the system message."""
    s = Session("-n", "5", "--system", "Be brief.")
    s.until(b"> ")
    s.say("Gr\u00fc\u00dfe \u4f60\u597d\n".encode())
    s.until(b"tokens read")
    s.until(b"of 1024 in the context]")
    s.until(b"> ")
    first = int(s.all.split(b" of 1024")[0].split()[-1])
    s.say(b"And now?\n")
    s.until(b"of 1024 in the context]")
    s.until(b"> ")
    second = int(s.all.split(b" of 1024")[1].split()[-1])
    if second <= first + 5:
        sys.exit(f"{first} and then {second} tokens in the context")
    s.say(b"\x04")
    s.ends(0)


def whole_characters():
    """Tokens at random hold parts of characters; what is printed is UTF-8 all the same, in every piece that is written."""
    for seed in range(3):
        p = subprocess.Popen([ADZE, "chat", MODEL, "--temperature", "3", "--top-k", "0", "--seed", str(seed), "-n", "300", "-q"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        p.stdin.write(b"Hello\n")
        p.stdin.close()
        pieces = []
        while data := os.read(p.stdout.fileno(), 65536):
            pieces.append(data)
        if p.wait() != 0:
            sys.exit(f"seed {seed}: exit {p.returncode}")
        for data in pieces:
            data.decode()
        if len(pieces) < 5:
            sys.exit(f"seed {seed}: the answer does not stream: {len(pieces)} pieces")


for test in (interrupted_answer, interrupted_prompt, interrupted_pipe, full_context, keeps_history, whole_characters):
    test()
print("adze chat in a terminal: ok")
