"""Which environment variable holds the key of a model, as litellm reads it. A table: imports nothing, reads nothing."""

from __future__ import annotations

OLLAMA = "http://localhost:11434"  # where Ollama listens by default
LOCAL = ("ollama", "ollama_chat", "lm_studio", "hosted_vllm", "llamafile", "vllm")  # providers without a key
KEYS = {
    "anthropic": "ANTHROPIC_API_KEY",
    "azure": "AZURE_API_KEY",
    "bedrock": "AWS_ACCESS_KEY_ID",
    "cohere": "COHERE_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "fireworks_ai": "FIREWORKS_AI_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "groq": "GROQ_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY",
    "vertex_ai": "GOOGLE_APPLICATION_CREDENTIALS",
    "xai": "XAI_API_KEY",
}
BARE = (("claude", "anthropic"), ("gpt", "openai"), ("o1", "openai"), ("o3", "openai"), ("o4", "openai"))


def provider_of(model: str) -> str:
    """Return the provider that a litellm model name belongs to, "" where it cannot be told."""
    if "/" in model:
        return model.partition("/")[0]
    return next((provider for beginning, provider in BARE if model.startswith(beginning)), "")


def is_local(model: str) -> bool:
    """Return whether a model is served by the user's own machine, without a key and without a price."""
    return provider_of(model) in LOCAL


def is_ollama(model: str) -> bool:
    """Return whether a model is served by Ollama."""
    return provider_of(model) in ("ollama", "ollama_chat")


def tokens_of(model: str) -> float:
    """Return how many tokens of a model one of litellm's tokenizer is, which is that of the GPT family."""
    return 1.0 if "gpt" in model else 1.15


def key_of(model: str) -> str | None:
    """Return the variable that holds the key of a model's provider, None where it is not known."""
    return KEYS.get(provider_of(model))
