"""Any model through litellm. The only module that imports it: lazily, in a thread, since that takes seconds.

Retries, deadline and prices are ours (litellm's multiply, print and fetch). The key is read from the environment by
litellm itself; no message, evidence or error holds it. What a reply may be is decided in dialogue.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import math
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from loop.proposers import Abandoned, Brief, Proposal
from loop.proposers.dialogue import Answer, settle
from loop.proposers.prompt import Count, Message, build, repair, size
from loop.proposers.providers import is_local, is_ollama, key_of, tokens_of
from loop.proposers.scrub import scrub
from loop.proposers.trouble import OWN_KEY, diagnose, words_of
from loop.record.types import Author, Cost, Failure, ProposalFailed

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
SILENCE_S, SILENCE_SHARE = 30.0, 1 / 3  # so long may a model think before its next word: seconds, share of the deadline


@dataclass(frozen=True)
class Clock:
    """Time as the retries see it; a test replaces it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class LLM:
    """One model. Holds nothing of a campaign; several proposals may be asked for at once."""

    finite = False

    def __init__(self, model: str, clock: Clock | None = None) -> None:
        self.name = model
        self.clock = clock or Clock()
        self.scale = tokens_of(model)  # learnt from answers

    async def propose(self, brief: Brief) -> Proposal:
        return await _Conversation(self, brief).run(brief.text, lambda count: build(brief, count))

    async def repair(self, brief: Brief, broken: Proposal, failure: Failure) -> Proposal | None:
        conversation = _Conversation(self, brief)
        repaired = await conversation.run(broken.text, lambda count: repair(brief, broken, failure, count))
        return replace(repaired, expected=broken.expected, cites=broken.cites)


class CallFailed(ProposalFailed):
    """A call that gave no answer; its sentence names the model."""


class _Conversation:
    """The calls of one proposal: their deadline, their retries and what they cost."""

    def __init__(self, owner: LLM, brief: Brief) -> None:
        self.owner, self.brief, self.clock = owner, brief, owner.clock
        self.start = self.clock.now()
        self.cost = Cost()
        self.random = random.Random(f"{brief.random_seed} {owner.name}")
        self.first: list[Message] = []
        self.exchanges: list[tuple[str, str]] = []
        self.lite: Any = None

    async def run(self, text: str, prompt: Callable[[Count], list[Message]]) -> Proposal:
        try:
            self.lite = await load()
            self.first = prompt(self.count)
            edited = await settle(self.brief, text, self.first, self.ask, self.count, self.exchanges)
        except CallFailed as failed:
            raise ProposalFailed(scrub(str(failed)), failed.pause, self.spent) from None
        except ProposalFailed as failed:
            raise ProposalFailed(scrub(f"{self.owner.name}: {failed}"), failed.pause, self.spent) from None
        except asyncio.CancelledError:
            raise Abandoned(self.spent) from None
        except Exception as error:  # the rim: whatever litellm did, the campaign continues
            raise ProposalFailed(f"{self.owner.name}: {words_of(error)}", cost=self.spent) from None
        reply, prose = edited.reply, _words(self.brief.program.prose)
        return Proposal(
            text=edited.text,
            hypothesis=scrub(reply.hypothesis) or f"change {self.brief.canvas} (no hypothesis was given)",
            author=Author.MODEL,
            proposer=self.owner.name,
            expected=scrub(reply.expected),
            cites=tuple(cite for cite in reply.cites if _words(cite) in prose),
            cost=self.spent,
            evidence=self.evidence(),
        )

    @property
    def spent(self) -> Cost:
        return replace(self.cost, seconds=self.clock.now() - self.start)

    def evidence(self) -> dict[str, str]:
        prompt = "\n\n".join(f"<!-- {message.role} -->\n\n{message.text}" for message in self.first)
        reply = "\n\n".join(part for a, c in self.exchanges for part in (a, c and f"<!-- sent back -->\n\n{c}") if part)
        return {"prompt.md": scrub(prompt), "reply.md": scrub(reply)}

    def count(self, text: str) -> int:
        """Return the tokens of a text, as the model is known to count so far."""
        return math.ceil(_tokens(self.lite, self.owner.name, text) * self.owner.scale)

    @property
    def remaining_s(self) -> float:
        return self.brief.program.deadline_s - (self.clock.now() - self.start)

    async def ask(self, messages: list[Message]) -> Answer:
        """Return the model's answer, however often the provider must be asked within the deadline."""
        attempt = 0
        while True:
            if reached := self.brief.limit(self.cost):
                raise ProposalFailed(reached)
            try:
                return await self._stream(messages)
            except Exception as error:
                trouble = diagnose(error, self.owner.name, self.brief.program.api_base)
            if trouble.refusal:
                return Answer("", "refusal")
            if not trouble.again:
                raise CallFailed(trouble.sentence, trouble.pause)
            wait = self.random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt))  # full jitter
            wait = trouble.retry_after_s + wait / 10 if trouble.retry_after_s is not None else wait
            attempt += 1
            if wait >= self.remaining_s:
                tries = f"{attempt} tries in {self.clock.now() - self.start:.0f} s"
                raise CallFailed(f"{trouble.sentence} (gave up after {tries}; 'deadline:' in program.md)")
            await self.clock.sleep(wait)

    async def _stream(self, messages: list[Message]) -> Answer:
        program, words, usage, finish, stream = self.brief.program, list[str](), None, None, None
        silence_s = max(0.01, min(self.remaining_s, max(SILENCE_S, SILENCE_SHARE * program.deadline_s)))
        try:
            async with asyncio.timeout(silence_s) as patience:
                stream = await self.lite.acompletion(**self._request(messages))
                async for chunk in stream:
                    patience.reschedule(asyncio.get_running_loop().time() + min(silence_s, max(0.01, self.remaining_s)))
                    usage = getattr(chunk, "usage", None) or usage
                    for choice in chunk.choices[:1]:
                        words.append(choice.delta.content or "")
                        finish = choice.finish_reason or finish
            if stream.received_finish_reason is None:
                raise ConnectionError("the answer ended in the middle")
        finally:
            self._pay(messages, "".join(words), usage, began=usage is not None or any(words))
            if stream is not None:
                with contextlib.suppress(Exception):
                    await stream.aclose()
        if finish in ("content_filter", "refusal"):
            return Answer("", "refusal")
        return Answer(scrub("".join(words), shapes=False), "length" if finish == "length" else "stop")

    def _request(self, messages: list[Message]) -> dict[str, Any]:
        model, program = self.owner.name, self.brief.program
        request: dict[str, Any] = {
            "model": model.replace("ollama/", "ollama_chat/", 1) if model.startswith("ollama/") else model,
            "messages": [_message(message, model) for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            # Ours comes first. The same for all calls: litellm opens a client, and a socket, for each other one.
            "timeout": program.deadline_s + 5,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,
        }
        if program.api_base:
            request |= {"api_base": program.api_base, "api_key": os.environ.get(OWN_KEY) or "none"}
        if is_ollama(model):  # its default of a few thousand tokens cuts the prompt without a word
            request["num_ctx"] = program.prompt_tokens + 8_192
        return request

    def _pay(self, messages: list[Message], answer: str, usage: Any, began: bool) -> None:
        """Add what a call cost; one that broke before its first word cost nothing."""
        if not began:
            return
        if usage is None:
            usage = self.lite.Usage(prompt_tokens=size(messages, self.count), completion_tokens=self.count(answer))
        else:
            learnt = self.owner.scale * usage.prompt_tokens / max(1, size(messages, self.count))
            self.owner.scale = min(2.0, max(self.owner.scale, learnt))
        dollars: float | None = None
        with contextlib.suppress(Exception):  # litellm raises for a price that it does not know
            dollars = sum(self.lite.cost_per_token(model=self.owner.name, usage_object=usage))
        dollars = 0.0 if is_local(self.owner.name) else dollars
        self.cost += Cost(usage.prompt_tokens, usage.completion_tokens, dollars)


async def load() -> Any:
    """Return litellm, imported in a thread the first time, silent and without any network of its own."""
    return await asyncio.to_thread(_import)


@functools.cache
def _import() -> Any:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"  # else it reads a .env file
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.turn_off_message_logging = True
    litellm.disable_hf_tokenizer_download = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for name in ("openai", "httpx", "httpcore", "aiohttp"):  # they log requests, prompts included
        logging.getLogger(name).setLevel(logging.WARNING)
    return litellm


@functools.lru_cache(maxsize=1024)
def _tokens(lite: Any, model: str, text: str) -> int:
    try:
        return int(lite.token_counter(model=model, text=text))
    except Exception:  # a tokenizer that cannot be had: three characters for one is on the safe side
        return len(text) // 3 + 1


def _words(text: str) -> str:
    """Return a text in lower case on one line: a citation is not wrapped where program.md is."""
    return " ".join(text.lower().split())


def _message(message: Message, model: str) -> dict[str, Any]:
    """Return a message as litellm takes it, with cache marks where a provider wants them."""
    if "claude" not in model or not message.stable:
        return {"role": message.role, "content": message.text}
    # An hour, since an experiment takes longer than the five minutes that a cache lives by default.
    mark = {"type": "ephemeral", **({"ttl": "1h"} if key_of(model) == "ANTHROPIC_API_KEY" else {})}
    parts: list[dict[str, Any]] = [{"type": "text", "text": part} for part in message.parts]
    for part in parts[: message.stable]:
        part["cache_control"] = mark
    return {"role": message.role, "content": parts}
