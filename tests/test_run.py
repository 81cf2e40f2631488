"""What the command line means, before anything is done."""

import pytest

import run
from mccl_jax.errors import UserError


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("def get_config():\n    return {}.trian\n", r"AttributeError: .*'trian' in line 2\)"),
        ("from configs import comon\n", r"ImportError: cannot import name 'comon'.* in line 1\)"),
        ("def get_config():\n    return comon\n", r"NameError: name 'comon' is not defined in line 2\)"),
        ("x = 1\n", "KeyError: 'get_config'"),
        ("x = (\n", "SyntaxError: .*line 1"),
        ("x = 1 / 0\n", r"ZeroDivisionError: division by zero in line 1\)"),
        ("import sys\nsys.exit(0)\n", r"SystemExit: 0 in line 2\)"),
    ],
)
def test_a_mistake_in_a_config_is_one_line_that_says_where(tmp_path, text, named):
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(UserError, match=f"--config={file}: is no config .{named}.*expected a Python file") as caught:
        run.parse(["run.py", f"--config={file}"])
    assert "\n" not in str(caught.value)


def test_commas_part_workdirs_unless_they_are_in_the_name_of_one(tmp_path):
    one, other = (f"{tmp_path}/sweep/seed={seed},temperature=0.05" for seed in (0, 1))
    plain = f"{tmp_path}/plain"
    assert run._places(f"{plain},{one}") == [plain, f"{tmp_path}/sweep/seed=0", "temperature=0.05"]  # not there
    for place in (one, other):
        (tmp_path / place).mkdir(parents=True)
    assert run._places(one) == [one]
    assert run._places(f"{plain},{one},gs://bucket/run,{other}") == [plain, one, "gs://bucket/run", other]
    assert run._places("runs/a,runs/b") == ["runs/a", "runs/b"]
    assert run._places("") == [""]
