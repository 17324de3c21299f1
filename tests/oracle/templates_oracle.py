"""Renders chat templates with transformers and writes what comes out to tests/fixtures/jinja.

Run by hand: python3 tests/oracle/templates_oracle.py TEMPLATE_FOLDER
TEMPLATE_FOLDER holds *.jinja: those of llama_cpp_python-0.3.36's sdist (vendor/llama.cpp/models/templates) and SmolLM2's.
Needs transformers==5.23.0 jinja2==3.1.6.

templates.json: for each template and conversation the first 16 hex digits of the output's SHA-256 and its length in
bytes, or null where rendering raises. full.json: a few whole outputs, to read when something differs.
"""
import datetime
import hashlib
import json
import pathlib
import sys

from transformers.utils import chat_template_utils

out = pathlib.Path(__file__).parent.parent / "fixtures" / "jinja"
out.mkdir(parents=True, exist_ok=True)


class FixedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 2, 3, 4, 5)


chat_template_utils.datetime = FixedClock

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the weather of a <place> & more\nSecond line",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "The city"},
                    "days": {"type": "integer", "minimum": 1, "default": 3},
                    "units": {"type": "string", "enum": ["C", "F"]},
                },
                "required": ["city"],
            },
            "return": {"type": "string"},
        },
    },
    {
        "type": "function",
        "function": {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}},
    },
]
USER = {"role": "user", "content": "Hello there"}
SYSTEM = {"role": "system", "content": "You are helpful.\n"}
ASSISTANT = {"role": "assistant", "content": "  Hi! What now? \n"}
SPECIAL = "<|im_start|>system\nbad<|im_end|> <|eot_id|> [INST] é日本 \U0001f600 \t\"q\" 'a' \\ {{ x }} {% if %}"


def call(arguments, content):
    return {
        "role": "assistant",
        "content": content,
        "tool_calls": [
            {"id": "call00001", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
        ],
    }


RESULT = {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": "22 \u00b0C, <sunny>"}
CASES = {
    "user": {"messages": [USER], "add_generation_prompt": True},
    "system_user": {"messages": [SYSTEM, USER], "add_generation_prompt": True},
    "no_prompt": {"messages": [SYSTEM, USER, ASSISTANT]},
    "many_turns": {
        "messages": [SYSTEM, USER, ASSISTANT, {"role": "user", "content": "Again"}, ASSISTANT, USER],
        "add_generation_prompt": True,
    },
    "tools": {"messages": [SYSTEM, USER], "tools": TOOLS, "add_generation_prompt": True},
    "tools_without_system": {"messages": [USER], "tools": TOOLS, "add_generation_prompt": True},
    "tool_calls": {
        "messages": [SYSTEM, USER, call({"city": "Paris", "days": 2, "deep": {"a": [1, 2.5, None, True]}}, ""), RESULT],
        "tools": TOOLS,
        "add_generation_prompt": True,
    },
    "tool_calls_text": {
        "messages": [USER, call('{"city": "Paris"}', "Let me look."), RESULT, ASSISTANT, USER],
        "tools": TOOLS,
        "add_generation_prompt": True,
    },
    "null_content": {"messages": [USER, call({"city": "Paris"}, None), RESULT], "tools": TOOLS},
    "parts": {
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": " two"}]},
        ],
        "add_generation_prompt": True,
    },
    "reasoning": {
        "messages": [
            USER,
            {"role": "assistant", "content": "Four.", "reasoning_content": "Two and two\nis four."},
            {"role": "user", "content": "And five?"},
            {"role": "assistant", "content": "<think>\nhm\n</think>\n\nNo."},
            USER,
        ],
        "add_generation_prompt": True,
    },
    "thinking_off": {"messages": [USER], "add_generation_prompt": True, "kwargs": {"enable_thinking": False}},
    "thinking_on": {
        "messages": [SYSTEM, USER],
        "add_generation_prompt": True,
        "kwargs": {"enable_thinking": True, "thinking": True, "reasoning_effort": "high", "custom": [1, {"a": "b"}]},
    },
    "special_text": {
        "messages": [
            {"role": "system", "content": SPECIAL},
            {"role": "user", "content": SPECIAL},
            {"role": "assistant", "content": SPECIAL},
            {"role": "user", "content": "\n  " + SPECIAL + "  \n"},
        ],
        "add_generation_prompt": True,
    },
    "prefill": {
        "messages": [USER, {"role": "assistant", "content": "The answer is"}],
        "continue_final_message": True,
    },
    "documents": {
        "messages": [USER],
        "documents": [{"title": "One", "text": "First text", "doc_id": 1}, {"title": "Two", "text": "Second"}],
        "add_generation_prompt": True,
    },
    "assistant_first": {"messages": [ASSISTANT, USER]},
    "two_users": {"messages": [USER, USER], "add_generation_prompt": True},
    "odd_role": {"messages": [{"role": "critic", "content": "No"}, USER]},
    "empty": {"messages": [], "add_generation_prompt": True},
}


def render(template, case):
    try:
        rendered, _ = chat_template_utils.render_jinja_template(
            conversations=[case["messages"]],
            tools=case.get("tools"),
            documents=case.get("documents"),
            chat_template=template,
            continue_final_message=case.get("continue_final_message", False),
            add_generation_prompt=case.get("add_generation_prompt", False),
            bos_token="<s>",
            eos_token="</s>",
            **case.get("kwargs", {}),
        )
        return rendered[0]
    except Exception as error:  # whatever Python raises is a refusal
        print(f"    {type(error).__name__}: {str(error)[:100]}")
        return None


results = {}
full = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jinja")):
    print(path.name)
    template = path.read_bytes().decode()
    results[path.name] = {}
    for name, case in CASES.items():
        print("  ", name)
        text = render(template, case)
        data = None if text is None else text.encode()
        results[path.name][name] = None if data is None else [hashlib.sha256(data).hexdigest()[:16], len(data)]
        if name in ("tool_calls", "special_text") and path.name.startswith(("Qwen-Qwen3-0", "meta-llama-Llama-3.1")):
            full.setdefault(path.name, {})[name] = text
(out / "conversations.json").write_text(json.dumps(CASES, ensure_ascii=False, indent=1))
(out / "templates.json").write_text(json.dumps(results).replace("}, ", "},\n") + "\n")
(out / "full.json").write_text(json.dumps(full, ensure_ascii=False, indent=1))
