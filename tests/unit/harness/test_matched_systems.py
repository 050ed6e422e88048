"""Which systems two runs share, which of them is the base, and how files of one name are called."""

from alexbench.harness.systems import ModelFile, System, base_among, labels, matched

NATIVE = System("onnxruntime", 2)


def of_file(path: str, sha256: str = "", backend: str = "onnxruntime", threads: int = 2) -> System:
    return System(backend, threads, artifact=ModelFile(path, sha256))


def test_files_of_one_name_are_told_apart_by_their_folders_and_of_one_path_by_their_bytes() -> None:
    assert labels([of_file("/x/m.onnx", "a"), of_file("/y/m.onnx", "b"), NATIVE]) == (
        "onnxruntime x/m.onnx",
        "onnxruntime y/m.onnx",
        "onnxruntime",
    )
    assert len(set(labels([of_file("/x/m.onnx", "a"), of_file("/x/m.onnx", "b")]))) == 2


def test_systems_are_matched_by_key_whatever_they_are_called() -> None:
    base = [System("openvino", 2), System("openvino", 1)]
    head = [System("openvino", 1), System("openvino", 4), System("torch", 2)]
    assert matched(base, head) == [(base[1], head[0])]


def test_another_file_in_the_place_of_one_is_the_same_system() -> None:
    one, two = of_file("/x/m.onnx", "a"), of_file("/y/n.onnx", "b")
    assert matched([one, NATIVE], [NATIVE, two]) == [(NATIVE, NATIVE), (one, two)]


def test_tuned_rows_are_matched_whatever_their_searches_found() -> None:
    found = [System("openvino", 2, profile="tuned", settings=(("NUM_STREAMS", value),)) for value in ("1", "2")]
    plain = System("openvino", 2)
    assert matched([plain, found[0]], [plain, found[1]]) == [(plain, plain), (found[0], found[1])]


def test_files_that_moved_are_matched_by_their_bytes_before_their_names() -> None:
    base = [of_file("/x/m.onnx", "a"), of_file("/x/n.onnx", "b")]
    head = [of_file("/x/n.onnx", "a"), of_file("/x/m.onnx", "c")]
    assert dict(matched(base, head)) == {base[0]: head[0], base[1]: head[1]}


def test_of_several_other_files_only_those_of_one_path_are_matched() -> None:
    base = [of_file("/x/m.onnx", "a"), of_file("/x/n.onnx", "b"), of_file("/x/o.onnx", "c")]
    head = [of_file("/x/m.onnx", "d"), of_file("/y/p.onnx", "e"), of_file("/y/q.onnx", "f")]
    assert matched(base, head) == [(base[0], head[0])]


def test_the_only_system_of_a_backend_is_matched_with_the_only_one_and_no_other() -> None:
    other = System("onnxruntime", 1, "bf16")
    assert matched([NATIVE], [other]) == [(NATIVE, other)]
    assert matched([NATIVE, System("onnxruntime", 2, "int8")], [NATIVE, other]) == [(NATIVE, NATIVE)]
    assert matched([NATIVE], [System("onnxruntime", 2, environment="head")]) == []


def test_the_base_is_the_default_of_torch_else_the_first_row() -> None:
    rows = {"openvino": System("openvino", 2), "torch bf16": System("torch", 2, "bf16"), "torch": System("torch", 2)}
    assert base_among(rows) == "torch"
    del rows["torch"]
    assert base_among(rows) == "torch bf16"
    del rows["torch bf16"]
    assert base_among({**rows, "onnxruntime": NATIVE}) == "openvino"
    assert base_among({}) is None
