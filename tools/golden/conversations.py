"""The environment that chat templates are rendered in, and the conversations that they are tested with.

`environment()` is what Hugging Face transformers 5.23 makes in utils/chat_template_utils.py, by its own code where it
is installed, else built from jinja2 alone the same way.
"""
import json
from datetime import datetime

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

TIME = datetime(2026, 3, 7, 9, 5, 2, 123000)

TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "The weather <now> & \"here\", größer",
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string", "description": "Name of the city"},
            "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
            "days": {"type": "integer", "minimum": 1, "maximum": 14.5},
            "tags": {"type": "array", "items": {"type": "string"}, "description": "a list"},
            "where": {"type": "object", "properties": {"lat": {"type": "number"}, "lon": {"type": ["number", "null"]}},
                      "required": ["lat"]}},
            "required": ["city"]},
        "return": {"type": "string"}}},
    {"type": "function", "function": {"name": "stop", "description": "", "parameters": {"type": "object",
                                                                                      "properties": {}}}},
]
CALL = {"id": "call_0001a", "type": "function", "function": {"name": "get_weather", "arguments": {
    "city": "Köln", "days": 3, "ok": True, "none": None, "tags": ["a", "b'c"], "where": {"lat": 50.9, "lon": 1e-7}}}}
CALL_TEXT = {"id": "call_0001b", "type": "function", "function": {"name": "stop", "arguments": "{\"a\": 1}"}}


def message(role, content, **more):
    return {"role": role, "content": content, **more}


SYSTEM = message("system", "You are  a helpful assistant.\n")
USER = message("user", "Hello, <world> & 'you'!")
ANSWER = message("assistant", "Hi there.")
THOUGHT = message("assistant", "It is 4.", reasoning_content="Let me add: 2 + 2 = 4.\n")

# name, messages, tools, further variables
CONVERSATIONS = [
    ("plain", [USER], None, {"add_generation_prompt": True}),
    ("system", [SYSTEM, USER], None, {"add_generation_prompt": True}),
    ("turns", [SYSTEM, USER, ANSWER, message("user", "  And now?  "), message("assistant", " Still here.\n")], None,
     {"add_generation_prompt": False}),
    ("unicode", [message("user", "Grüße, 你好 👋🏽\u200b\nzweite Zeile\t\"zitiert\""), message("assistant", "ÄÖÜ ß ǆ"),
                 message("user", "")], None, {"add_generation_prompt": True, "enable_thinking": False}),
    ("thinking", [message("user", "2 + 2?"), THOUGHT, message("user", "Sure?")], None,
     {"add_generation_prompt": True, "enable_thinking": True, "thinking": True}),
    ("think_tags", [message("user", "2 + 2?"), message("assistant", "<think>\nhm\n</think>\n\n4"),
                    message("user", "why?"), message("assistant", "<think>x</think>Because.")], None,
     {"add_generation_prompt": False, "reasoning_effort": "high"}),
    ("tools", [SYSTEM, message("user", "Weather?")], TOOLS, {"add_generation_prompt": True}),
    ("tool_calls", [message("user", "Weather?"), message("assistant", None, tool_calls=[CALL]),
                    message("tool", "{\"temp\": 7.5}", name="get_weather", tool_call_id="call_0001a"),
                    message("assistant", "It is 7.5 degrees."), message("user", "Thanks")], TOOLS,
     {"add_generation_prompt": True, "documents": [{"title": "T", "text": "a document"}]}),
    ("two_calls", [SYSTEM, message("user", "Both?"),
                   message("assistant", "", reasoning_content="both", tool_calls=[CALL, CALL_TEXT]),
                   message("tool", "7", name="get_weather", tool_call_id="call_0001a"),
                   message("tool", {"a": [1, 2.0, None]}, name="stop", tool_call_id="call_0001b")], TOOLS,
     {"add_generation_prompt": True}),
    ("parts", [message("system", [{"type": "text", "text": "Be brief."}]),
               message("user", [{"type": "text", "text": "What is"}, {"type": "image"}, {"type": "text", "text": "this?"}]),
               message("assistant", [{"type": "text", "text": "A cat."}])], None, {"add_generation_prompt": False}),
]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
REASONING = ("reasoning_content", "thinking", "reasoning")


def aliased(messages):
    """Reasoning under all the names that templates read, as transformers gives it."""
    out = []
    for m in messages:
        r = next((m[k] for k in REASONING if m.get(k) is not None), None)
        out.append(m if r is None else {"thinking": r, **m, "reasoning_content": r})
    return out


def variables(messages, tools, more):
    v = {"messages": aliased(messages), "tools": tools, "documents": None, "add_generation_prompt": False}
    return {**v, **TOKENS, **more}


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def environment(time=TIME):
    def raise_exception(text):
        raise jinja2.exceptions.TemplateError(text)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    class Namespace(jinja2.utils.Namespace):
        def __init__(*args, **kwargs):
            attrs = dict(*args[1:], **kwargs)
            for name in attrs:
                Namespace.check(name)
            jinja2.utils.Namespace.__init__(args[0], attrs)

        def __setitem__(self, name, value):
            Namespace.check(name)
            jinja2.utils.Namespace.__setitem__(self, name, value)

        @staticmethod
        def check(name):
            if isinstance(name, str) and name.startswith("_"):
                raise jinja2.exceptions.SecurityError(name)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda format: time.strftime(format)
    env.globals["namespace"] = Namespace
    return env


def render(env, source, values):
    """The text, or None where Python raises."""
    try:
        text = env.from_string(source).render(**values)
        text.encode()
        return text
    except Exception:
        return None
