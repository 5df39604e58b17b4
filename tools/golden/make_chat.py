#!/usr/bin/env python3
"""Golden conversations as transformers renders them for the demo's checkpoint and for templates of our own, the last message left open or not.

    pip install transformers==5.23.0
    python3 tools/golden/make_chat.py

Writes tests/data/golden/templates/chat.json: {"demo": [{messages, ..., text}], "continue": [{template, messages, field, text}]}; text null:
transformers raises. Run from the root of the tree.
"""
import copy
import json
from importlib.metadata import version
from pathlib import Path

from transformers import AutoTokenizer
from transformers.utils.chat_template_utils import render_jinja_template

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
TRIM = "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}[/]{% endfor %}"
THINK = "{% for m in messages %}{{ m.role }}:{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }};{% endfor %}"
BLOCKS = "{% for m in messages %}{{ m.role }}:{% for b in m.content %}{% if b.type == 'text' %}{{ b.text }}{% else %}<{{ b.type }}>{% endif %}{% endfor %};{% endfor %}"
DROPS = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}"

USER = {"role": "user", "content": "Hi"}


def says(content, **more):
    return [USER, {"role": "assistant", "content": content, **more}]


CONTINUE = [
    (CHATML, says("The answer is"), "content"), (CHATML, says("ends with a space "), "content"), (CHATML, says(" \u00a0both\u3000"), "content"),
    (CHATML, says(""), "content"), (CHATML, says("Hi"), "content"), (CHATML, says("a CONTINUE_FINAL_MESSAGE_TAG b"), "content"),
    (TRIM, says("The answer is "), "content"), (TRIM, says("  x"), "content"), (TRIM, [USER], "content"),
    (THINK, says("4", reasoning_content="2 + 2"), "content"), (THINK, says("4", reasoning_content="2 + 2 "), "reasoning_content"),
    (THINK, says("4", thinking="2 + 2"), "thinking"), (THINK, says("4", reasoning="2 + 2"), "reasoning"), (THINK, says("4"), "reasoning_content"),
    (CHATML, says("4", note="x"), "note"), (CHATML, [USER, {"role": "assistant", "content": None}], "content"),
    (BLOCKS, says([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}, {"type": "image"}]), "content"), (BLOCKS, says([{"type": "image"}]), "content"),
    (DROPS, says("gone"), "content"), (CHATML, says(7), "content"),
]
DEMO = [
    ([USER], {"add_generation_prompt": True}), ([{"role": "system", "content": "Be brief."}, USER], {"add_generation_prompt": True}), (says("Hello."), {}),
    (says("Hello") + [{"role": "user", "content": "Gr\u00fc\u00dfe, \u4f60\u597d \U0001F44B\n\t\"x\" <|end|>"}], {"add_generation_prompt": True}),
    (says("Once upon a"), {"continue_final_message": True}), (says("Once upon a "), {"continue_final_message": True}),
    ([USER], {"add_generation_prompt": True, "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}), ([], {}),
]


def tried(f):
    try:
        return f()
    except Exception as e:
        print("raises:", str(e)[:90])
        return None


def main():
    assert version("transformers") == "5.23.0", version("transformers")
    tok = AutoTokenizer.from_pretrained("demo/checkpoint")
    demo = [{"messages": m, **o, "text": tried(lambda: tok.apply_chat_template(copy.deepcopy(m), tokenize=False, **o))} for m, o in DEMO]
    cont = [{"template": t, "messages": m, "field": f,
             "text": tried(lambda: render_jinja_template([copy.deepcopy(m)], chat_template=t, continue_final_message=f, bos_token="<s>")[0][0])} for t, m, f in CONTINUE]
    body = ",\n".join(json.dumps(r) for r in demo), ",\n".join(json.dumps(r) for r in cont)
    Path("tests/data/golden/templates/chat.json").write_text(f'{{"demo": [\n{body[0]}\n], "continue": [\n{body[1]}\n]}}\n')


main()
