"""What the canvas does on a GPU, told by a CPU and stand-ins: what fits, what compiles, and what it falls back to."""

import functools
import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import torch

import prepare

GIB = 2**30


@pytest.fixture(autouse=True)
def limits():
    """Put torch's own limits back."""
    with torch._dynamo.config.patch(recompile_limit=8):
        yield


@pytest.fixture
def gpu(monkeypatch):
    """A stand-in for torch.cuda, whose passes take 1 GiB and half a GiB a row; `gpu.free` is what is free besides."""
    stand_in = SimpleNamespace(free=0.0, peak=0.0, rows=[], emptied=0)

    def accumulate(model, loss_sum, inputs, targets, rows):
        stand_in.rows.append(rows)
        stand_in.peak = 1 + rows / 2
        return torch.zeros(()), rows

    def empty_cache():
        stand_in.emptied += 1

    stand_in.accumulate = accumulate
    monkeypatch.setattr(torch, "get_device_module", lambda device: SimpleNamespace(
        reset_peak_memory_stats=lambda: None, max_memory_allocated=lambda: stand_in.peak * GIB, empty_cache=empty_cache,
        mem_get_info=lambda: (stand_in.free * GIB, 80 * GIB), memory_reserved=lambda: 1 * GIB,
    ))  # fmt: skip
    return stand_in


@pytest.mark.parametrize(("free", "fits"), [(79.0, 128), (40.0, 64), (23.0, 32), (11.0, 16), (7.0, 8), (0.5, 1)])
def test_the_rows_that_fit_are_estimated_from_passes_of_one_and_two(canvas, gpu, monkeypatch, free, fits):
    gpu.free = free
    monkeypatch.setattr(canvas, "accumulate_gradients", gpu.accumulate)
    assert canvas.rows_that_fit(canvas.build_model(), 128) == fits
    assert gpu.rows == [1, 1, 2]


def test_a_gpu_that_does_not_tell_its_free_memory_is_taken_for_empty(canvas, gpu, monkeypatch):
    """torch.xpu raises on GPUs of Intel's that share the machine's memory: pytorch/pytorch#164429."""

    def raises():
        raise RuntimeError("doesn't support querying the available free memory")

    module = torch.get_device_module("xpu")
    module.mem_get_info = raises
    module.get_device_properties = lambda device: SimpleNamespace(total_memory=12 * GIB)
    monkeypatch.setattr(torch, "get_device_module", lambda device: module)
    monkeypatch.setattr(canvas, "accumulate_gradients", gpu.accumulate)
    assert canvas.rows_that_fit(canvas.build_model(), 128) == 16


def test_where_two_rows_do_not_fit_one_is_tried(canvas, gpu, monkeypatch):
    monkeypatch.setattr(canvas, "accumulate_gradients", lambda *given: (torch.zeros(()), 1))
    assert canvas.rows_that_fit(canvas.build_model(), 128) == 1


class Ways:
    """Which ways of the canvas work: the others raise what a compiler would."""

    def __init__(self, canvas, monkeypatch, working, fits=4):
        self.tried, self.canvas, self.working, self.fits = [], canvas, working, fits
        self.model = canvas.build_model()
        self.optimizers = canvas.build_optimizers(self.model)
        monkeypatch.setattr(torch, "compile", self.compile)
        monkeypatch.setattr(canvas, "warm_up", self.warm_up)
        monkeypatch.setattr(canvas, "rows_that_fit", lambda model, rows: rows)
        monkeypatch.setattr(canvas, "use_flex_attention", self.use_flex_attention)

    def compile(self, function, **options):
        return SimpleNamespace(compiled=function)

    def use_flex_attention(self, model, use):
        self.flex = use

    def warm_up(self, model, loss_sum, optimizers, step_rows, rows):
        compiled = hasattr(loss_sum, "compiled")
        assert compiled == all(hasattr(optimizer.update, "compiled") for optimizer in optimizers)
        way = self.canvas.ways[0 if self.flex else 1 if compiled else 2]
        self.tried.append((way, rows))
        if way not in self.working:
            raise ValueError("out of resource: shared memory, Required: 131072, Hardware limit: 101376")
        return min(rows, self.fits)

    def run(self, rows=8):
        return self.canvas.compile_for_gpu(self.model, self.optimizers, 8, rows)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_the_fastest_way_that_works_is_taken_and_the_others_are_named(canvas, monkeypatch, capsys, first):
    ways = Ways(canvas, monkeypatch, canvas.ways[first:])
    loss_sum, rows = ways.run()
    assert [way for way, _ in ways.tried] == list(canvas.ways[: first + 1])
    assert (loss_sum is canvas.cross_entropy_sum) == (first == 2)
    assert rows == 4
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(": does not work here")[0] for line in said] == list(canvas.ways[:first])
    assert all("shared memory" in line for line in said)


def test_what_the_last_way_raises_is_raised(canvas, monkeypatch):
    with pytest.raises(ValueError, match="out of resource"):
        Ways(canvas, monkeypatch, ()).run()


def test_memory_that_runs_out_at_one_row_is_no_reason_for_a_slower_way(canvas, monkeypatch):
    ways = Ways(canvas, monkeypatch, ())

    def no_memory(*given):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(canvas, "warm_up", no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        ways.run()


def test_what_the_baseline_found_out_is_where_another_run_begins(canvas, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("AUTORESEARCH_RUN", str(tmp_path))
    Ways(canvas, monkeypatch, canvas.ways[1:]).run()
    later = Ways(canvas, monkeypatch, canvas.ways)
    assert later.run()[1] == 4
    assert later.tried == [(canvas.ways[1], 4)]


def test_a_way_that_this_canvas_does_not_know_is_no_obstacle(canvas, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("AUTORESEARCH_RUN", str(tmp_path))
    prepare.remember(way="by hand")
    later = Ways(canvas, monkeypatch, canvas.ways)
    later.run()
    assert later.tried == [(canvas.ways[0], 8)]


# On a CPU the first way is compiled without flex attention, which has no backward pass there.
@pytest.mark.parametrize("works", [True, False], ids=["first way", "second way"])
def test_what_is_compiled_has_the_loss_and_the_gradients_of_the_plain_model(
    canvas, model, rows, monkeypatch, capsys, works
):
    plain = canvas.cross_entropy_sum(model, *rows)
    plain.backward()
    expected = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()

    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        if not works and len(graphs) == 1:
            raise RuntimeError("out of resource: shared memory")
        return torch._dynamo.lookup_backend("aot_eager")(graph, inputs)

    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend))
    monkeypatch.setattr(canvas, "rows_that_fit", lambda model, rows: rows)
    loss_sum, fitted = canvas.compile_for_gpu(model, canvas.build_optimizers(model), 8, 8)
    loss = loss_sum(model, *rows)
    loss.backward()
    torch.compiler.reset()
    assert fitted == 8 and torch.allclose(loss, plain)
    assert all(torch.allclose(w.grad, expected[name], atol=1e-3) for name, w in model.named_parameters())
    assert [block.attention.visible_blocks is not None for block in model.blocks] == [works, works, False]
    said = capsys.readouterr().out
    assert said.startswith(f"{canvas.ways[0]}: does not work here") != works and canvas.ways[1] not in said


def test_an_update_without_memory_in_the_warm_up_is_tried_with_half_the_rows(canvas, model, capsys):
    optimizers = canvas.build_optimizers(model)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    update, calls = optimizers[-1].update, []

    def short_of_memory(*given):
        calls.append(given)
        if len(calls) < 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        update(*given)

    optimizers[-1].update = short_of_memory
    assert canvas.warm_up(model, canvas.cross_entropy_sum, optimizers, step_rows=8, rows=4) == 1
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert "1 rows at a time" in capsys.readouterr().out


def test_an_update_that_never_fits_ends_the_run(canvas, model):
    def no_memory(*given):
        raise torch.OutOfMemoryError("CUDA out of memory")

    optimizers = canvas.build_optimizers(model)
    optimizers[0].update = no_memory
    with pytest.raises(torch.OutOfMemoryError):
        canvas.warm_up(model, canvas.cross_entropy_sum, optimizers, step_rows=8, rows=8)


@pytest.mark.parametrize(
    ("where", "bf16", "dtype"),
    [
        ("cuda", True, torch.bfloat16),
        ("cuda", False, torch.float32),
        ("xpu", True, torch.bfloat16),
        ("cpu", True, torch.float32),
        ("mps", True, torch.float32),
    ],
)
def test_gpus_with_bf16_compute_in_it_and_all_else_in_fp32(canvas, tiny, monkeypatch, where, bf16, dtype):
    monkeypatch.setenv("AUTORESEARCH_PROFILE", json.dumps(asdict(replace(tiny, bf16=bf16))))
    prepare.profile.cache_clear()
    assert canvas.compile_for_gpu and canvas.compute_type(torch.device(where)) == dtype


def test_more_shapes_than_inductor_allows_by_default_stay_compiled(canvas, monkeypatch):
    from torch._dynamo.testing import CompileCounter

    def compiled() -> int:
        torch.compiler.reset()
        counter = CompileCounter()
        update = torch.compile(canvas.adamw_update, dynamic=False, backend=counter)
        for width in range(1, 13):
            tensors = [torch.ones(width) for _ in range(4)]
            update(*tensors, *(torch.tensor(0.1) for _ in range(3)), 0.8, 0.95)
        torch.compiler.reset()
        return counter.frame_count

    assert compiled() < 12
    with monkeypatch.context() as patch:
        Ways(canvas, patch, canvas.ways).run()  # sets the limit
    assert compiled() == 12


def test_a_step_that_is_counted_runs_eagerly_and_without_flex_attention(canvas, model, rows, monkeypatch):
    canvas.use_flex_attention(model)
    loss_sum = torch.compile(canvas.cross_entropy_sum, dynamic=False, backend="aot_eager")
    cost = prepare.StepCost()
    cost.start()
    loss_sum(model, *rows).backward()
    compiled = cost.stop()
    canvas.use_flex_attention(model, False)
    model.zero_grad()
    plain = prepare.StepCost()
    plain.start()
    canvas.cross_entropy_sum(model, *rows).backward()
    assert plain.stop() == compiled > 0
