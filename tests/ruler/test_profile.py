"""Which profile a machine has: by name, by what torch is built for, and of a GPU by its memory and its chip."""

import enum
import json
from types import SimpleNamespace

import pytest
import torch

import prepare


def card(name="a GPU", gib=24.0, chip="8.6", processors=82):
    return prepare.Card(name, gib, chip, processors)


@pytest.mark.parametrize(
    ("found", "name", "bf16"),
    [
        pytest.param(card(gib=79.2, chip="9.0", processors=132), "gpu", True, id="H100"),
        pytest.param(card(gib=39.4, chip="8.0", processors=108), "gpu", True, id="A100 40 GB"),
        pytest.param(card(gib=178.4, chip="10.0", processors=148), "gpu", True, id="B200"),
        pytest.param(card(gib=191.7, chip="gfx942", processors=304), "gpu", True, id="MI300X"),
        pytest.param(card(gib=63.9, chip="gfx90a", processors=104), "gpu-48", True, id="half an MI250X"),
        pytest.param(card(gib=39.5, chip="9.0", processors=60), "gpu-24", True, id="a MIG slice of an H100"),
        pytest.param(card(gib=23.5, chip="8.0", processors=56), "gpu-24", True, id="A30"),
        pytest.param(card(gib=44.4, chip="8.6", processors=84), "gpu-48", True, id="A40"),
        pytest.param(card(gib=44.4, chip="8.9", processors=142), "gpu-48", True, id="L40S"),
        pytest.param(card(gib=94.9, chip="12.0", processors=188), "gpu-48", True, id="RTX PRO 6000 Blackwell"),
        pytest.param(card(gib=31.4, chip="12.0", processors=170), "gpu-24", True, id="RTX 5090"),
        pytest.param(card(gib=23.6, chip="8.9", processors=128), "gpu-24", True, id="RTX 4090"),
        pytest.param(card(gib=22.0, chip="8.6", processors=80), "gpu-24", True, id="A10G"),
        pytest.param(card(gib=24.0, chip="gfx1100", processors=96), "gpu-24", True, id="RX 7900 XTX"),
        pytest.param(card(gib=15.7, chip="12.0", processors=84), "gpu-12", True, id="RTX 5080"),
        pytest.param(card(gib=11.6, chip="8.6", processors=28), "gpu-12", True, id="RTX 3060"),
        pytest.param(card(gib=11.3, chip="", processors=0), "gpu-12", True, id="Arc B580"),
        pytest.param(card(gib=7.6, chip="8.9", processors=24), "gpu-8", True, id="RTX 4060"),
        pytest.param(card(gib=3.8, chip="8.6", processors=16), "gpu-8", True, id="RTX 3050 laptop"),
        pytest.param(card(gib=14.6, chip="7.5", processors=40), "gpu-fp32", False, id="T4"),
        pytest.param(card(gib=31.7, chip="7.0", processors=80), "gpu-fp32", False, id="V100"),
        pytest.param(card(gib=15.9, chip="gfx1030", processors=40), "gpu-fp32", False, id="RX 6800"),
    ],
)
def test_the_tier_of_a_gpu(found, name, bf16):
    profile, why = prepare.tier(found)
    assert (profile.name, profile.bf16) == (name, bf16)
    assert f"{found.memory_gib:.1f} GiB" in why and found.chip in why


def test_every_tier_has_one_context_and_one_vocabulary():
    tiers = [prepare.GPU, prepare.GPU_FP32, *(profile for _, profile in prepare.TIERS)]
    assert {(p.context, p.vocab, p.source, p.budget) for p in tiers} == {(2048, 8192, "climbmix", "5m")}
    assert len({p.name for p in tiers}) == len(tiers)


@pytest.mark.parametrize(
    ("chip", "built_for", "lacks"),
    [
        ("8.6", ["sm_80", "sm_90"], False),
        ("8.9", ["sm_86", "sm_90"], False),
        ("8.0", ["sm_86", "sm_90"], True),
        ("6.1", ["sm_75", "sm_80", "sm_120", "compute_120"], True),
        ("9.0", ["sm_90a"], False),
        ("12.0", ["sm_80", "sm_90", "compute_90"], False),
        ("12.0", ["sm_80", "sm_90"], True),
        ("7.5", ["sm_80", "compute_80"], True),
        ("gfx1100", ["gfx90a", "gfx1100"], False),
        ("gfx1031", ["gfx90a", "gfx1030"], True),
        ("8.6", [], False),
    ],
)
def test_a_build_without_code_for_a_chip_is_recognised(chip, built_for, lacks):
    assert prepare.lacks_code(chip, built_for) is lacks


def stand_in(chip):
    major, _, minor = ("0", "", "0") if chip.startswith("gfx") else chip.partition(".")
    return SimpleNamespace(
        name=f"card of {chip}", total_memory=int(23.6 * 2**30), multi_processor_count=82, gcnArchName=f"{chip}:xnack-",
        major=int(major), minor=int(minor),
    )  # fmt: skip


@pytest.fixture
def gpus(monkeypatch):
    """Return a function that has torch find GPUs: a stand-in, which runs nothing."""

    def find(*chips, cuda="13.0", hip=None, built_for=("sm_75", "sm_80", "sm_86", "sm_90", "sm_120")):
        cards = [stand_in(chip) for chip in chips]
        monkeypatch.setattr(torch.version, "cuda", cuda)
        monkeypatch.setattr(torch.version, "hip", hip)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cards))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(cards))
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: cards[torch.device(device).index or 0])
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: list(built_for))

    return find


@pytest.fixture
def profile(monkeypatch):
    """Return the profile of an environment."""

    def of(**variables):
        monkeypatch.delenv("AUTORESEARCH_PROFILE", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return prepare.profile.__wrapped__()

    return of


def test_a_gpu_that_is_named_gets_its_tier(gpus, profile):
    gpus("8.6", "8.9")
    found = profile(AUTORESEARCH_DEVICE="cuda:1")
    assert (found.name, found.device, found.device_name, found.bf16) == ("gpu-24", "cuda:1", "card of 8.9", True)


@pytest.mark.parametrize("name", ["rocm", "hip", "cuda", " ROCm "])
def test_amds_gpus_are_cuda_to_torch(gpus, profile, name):
    gpus("gfx1100", cuda=None, hip="6.4", built_for=("gfx90a", "gfx1100"))
    found = profile(AUTORESEARCH_DEVICE=name)
    assert (found.name, found.device) == ("gpu-24", "cuda")


@pytest.mark.parametrize(
    ("name", "machine", "said"),
    [
        ("gpu", {}, "is no device; write cpu, mps, cuda, cuda:1, rocm or xpu"),
        ("tpu:0", {}, "is no device"),
        ("cpu:1", {}, "is no device"),
        ("cuda:one", {}, "is no device"),
        ("cuda", {"cuda": None}, "is built without CUDA and ROCm; install the build"),
        ("cuda", {}, "finds no GPU; check its driver with nvidia-smi"),
        ("cuda:2", {"chips": ["8.6", "8.6"]}, "torch finds 2 of them, counted from cuda:0"),
        ("rocm", {"chips": ["8.6"]}, "is built without ROCm"),
        ("xpu", {}, "is built without XPU"),
        ("mps", {}, "finds no Apple GPU"),
        ("cuda", {"chips": ["6.1"]}, "has code for sm_75, sm_80, sm_86, sm_90, sm_120 and none for card of 6.1 (6.1)"),
    ],
)
def test_a_device_that_torch_cannot_use_is_refused_with_what_to_do(gpus, profile, monkeypatch, name, machine, said):
    chips = machine.get("chips", [])
    gpus(*chips, cuda=machine.get("cuda", "13.0"))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(prepare.Refusal, match=f"AUTORESEARCH_DEVICE={name}") as refused:
        profile(AUTORESEARCH_DEVICE=name)
    assert said in str(refused.value)


def test_auto_passes_over_a_gpu_that_this_torch_has_no_code_for(gpus, monkeypatch):
    monkeypatch.setattr(prepare.importlib.metadata, "version", lambda name: "2.13.0+cu130")
    monkeypatch.setattr(prepare.os.path, "exists", lambda path: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    gpus("6.1")
    assert prepare._best_device("torch") == "cpu"
    gpus("8.6")
    assert prepare._best_device("torch") == "cuda"


@pytest.mark.parametrize(
    ("chip", "named", "name", "why"),
    [
        ("8.6", "cuda", "gpu-24", "23.6 GiB, compute capability 8.6: for 21 GiB and more"),
        ("8.6", "cpu", "cpu", ""),
        ("6.1", "cpu", "cpu", "torch has code for sm_75"),
    ],
)
def test_the_command_says_which_profile_and_why(gpus, monkeypatch, capsys, chip, named, name, why):
    gpus(chip)
    monkeypatch.setattr(torch, "__version__", "")
    monkeypatch.setenv("AUTORESEARCH_DEVICE", named)
    monkeypatch.delenv("AUTORESEARCH_PROFILE", raising=False)
    monkeypatch.setattr(prepare.sys, "argv", ["prepare.py", "profile"])
    prepare.profile.cache_clear()
    try:
        assert prepare.main() == 0
    finally:
        prepare.profile.cache_clear()
    said = json.loads(capsys.readouterr().out)
    assert said["name"] == name and said["why"].replace("torch  ", "torch ").startswith(why)


class Answer(enum.Enum):
    """As pybind11's enums: equal to no integer, and convertible to one."""

    success = 0
    not_supported = 801

    def __int__(self):
        return self.value


@pytest.mark.parametrize("answer", Answer)
def test_pages_that_the_driver_does_not_lock_are_not_unlocked_and_leave_no_error_behind(monkeypatch, answer):
    calls = []
    cudart = SimpleNamespace(
        cudaHostRegister=lambda *_: answer, cudaHostUnregister=lambda address: calls.append("unlocked")
    )

    def launch(*_, device):
        calls.append(f"launched on {device}")
        raise RuntimeError("CUDA error: operation not supported")  # torch finds what the driver left pending

    p = prepare.replace(prepare.GPU, context=4, vocab=8, eval_rows=1)
    fd = prepare._anonymous_file()
    try:
        memory = prepare.SharedMemory(fd, p)
        monkeypatch.setattr(torch.cuda, "cudart", lambda: cudart)
        monkeypatch.setattr(torch, "ones", launch)
        memory.lock_pages()
        memory.unlock_pages()
    finally:
        prepare.os.close(fd)
    assert calls == (["unlocked"] if answer is Answer.success else ["launched on cuda"])


def test_what_the_baseline_found_out_is_remembered_in_a_run_and_by_hand_is_not(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.delenv("AUTORESEARCH_RUN", raising=False)
    prepare.remember(rows=8)
    assert prepare.remembered() == {} and not (tmp_path / "compiled").exists()
    monkeypatch.setenv("AUTORESEARCH_RUN", str(tmp_path))
    assert prepare.remembered() == {}
    prepare.remember(rows=8)
    assert prepare.remembered() == {"rows": 8}
    (tmp_path / "compiled" / "device.json").write_text("[1]")
    assert prepare.remembered() == {}
