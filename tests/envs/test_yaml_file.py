import numpy as np
import pytest

from envs.yaml_file import SIZE_LIMIT_BYTES, load_yaml


def load(tmp_path, text):
    path = tmp_path / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_yaml(path)


def test_a_mapping_comes_back(tmp_path):
    assert load(tmp_path, "a: 1\nb:\n  c: [1, 2.5]\n  d: yes\r\n") == {"a": 1, "b": {"c": [1, 2.5], "d": True}}


def test_aliases_are_followed(tmp_path):
    assert load(tmp_path, "a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"file.yaml: line 3, column 1: the key 'a' of line 1 is there twice"),
        ("x:\n  a: 1\n  'a': 3\n", r"line 3, column 3: the key 'a' of line 2 is there twice"),
        ("a:\n\tb: 1\n", r"line 2, column 1: a tab stands where YAML wants spaces"),
        ("", "holds an empty file, a mapping"),
        ("- 1\n- 2\n", "holds a list, a mapping"),
        ("just text", "holds a str, a mapping"),
        ("1: 2\n", "the key 1 is a int, keys must be text"),
        ("a: [1, 2\n", r"file.yaml: line 2, column 1: "),
        ("a: !!python/object/apply:os.system ['true']\n", "line 1, column 4: could not determine a constructor"),
        ("? [a]\n: b\n", "line 1, column 3: found unhashable key"),
        ("a: &x [*x]\n", "line 1, column 4: found unconstructable recursive node"),
        ("a: &x {b: *x}\n", "line 1, column 4: found unconstructable recursive node"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "line 3, column 3: merge keys are not allowed"),
        ("a: " + "[" * 20_000, "nested too deeply"),
        ("a: 2020-13-45\n", "month must be in 1..12"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: but found another document"),
        (b"a: \xff\xfe\n", "not a UTF-8 text file .byte 3 is 0xff."),
        (b"a: \0\n", "not a text file .character 3 is NUL."),
        ("a: \x07\n", "special characters are not allowed"),
        ("a: " + "x" * SIZE_LIMIT_BYTES, "65539 bytes, at most 65536 are allowed"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load(tmp_path, text)


def test_the_error_is_of_the_wanted_kind(tmp_path):
    with pytest.raises(KeyError, match="no such file"):
        load_yaml(tmp_path / "absent.yaml", error=KeyError)


def test_a_number_with_an_exponent_and_no_point_stays_text(tmp_path):
    assert load(tmp_path, "a: 1e-4\n") == {"a": "1e-4"}
    assert np.isclose(load(tmp_path, "a: 1.0e-4\n")["a"], 1e-4)
