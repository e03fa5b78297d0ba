"""The places of the real canvas that honest patches change."""

from __future__ import annotations

Pairs = tuple[tuple[str, str], ...]

BLOCK = """        x = x + self.attention(norm(x), tokens, rotary)
        hidden: Tensor = self.widen(norm(x))
        return x.add(self.narrow(hidden.relu().square()))
"""
MLP = "        return x.add(self.narrow(hidden.relu().square()))\n"
MIX = """        if self.visible_blocks is not None and torch.compiler.is_compiling():
            mixed = flex_attention(query, key, value, block_mask=self.visible_blocks)
        elif self.window >= tokens.size(1):
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            band = band_mask(tokens.size(1), self.window, tokens.device)
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=band)
"""
USE = "        self.attention = Attention(width, window, value_vocab)\n"
NARROW = "        self.narrow = Linear(MLP_RATIO * width, width, zero=True)\n"
LAYERS_LOOP = """        for layer, block in enumerate(self.blocks):
            x = self.residual_scales[layer] * x + self.input_scales[layer] * x0
            x = block(x, tokens, rotary)
"""
APPLY = "            x = block(x, tokens, rotary)\n"
EMBEDDED = "        x = x0 = norm(self.embed(tokens).to(dtype))\n"
BUFFER = '        self.register_buffer("rotary", rotary_table(context), persistent=False)\n'
UNEMBED = "        logits: Tensor = self.unembed(norm(x) / SOFTCAP)\n"
CAPPED = "        return torch.tanh(logits.float()) * SOFTCAP\n"
MATMUL = "        return F.linear(x, self.weight.to(x.dtype))\n"
DTYPE = "        dtype = compute_type(tokens.device)\n"
LOSS = '    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")\n'
RETURN_OPTIMIZERS = "    return [\n        AdamW([model.embed.weight], EMBEDDING_LR * scale,"
# Parameters of a new kind belong to no optimizer of the real canvas.
REST = (
    RETURN_OPTIMIZERS,
    """    known = {id(p) for p in (model.embed.weight, model.unembed.weight, model.residual_scales, model.input_scales)}
    known |= {id(p) for p in (*matrices, *values)}
    rest = [p for p in model.parameters() if id(p) not in known]
"""
    + RETURN_OPTIMIZERS.replace("[\n", "[\n        AdamW(rest, 0.003, ADAM_BETA1, ADAM_BETA2, 0.0),\n", 1),
)
