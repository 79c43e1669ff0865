"""Where body models are looked for, in which order, and what is said if there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from motionimit.body import loading
from motionimit.body.loading import OPEN_BODY, find_body, user_data_dir
from motionimit.errors import MissingModel


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and home, no variable."""
    for name in ("work", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for name in (loading.VARIABLE, "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def put(folder: Path, name: str = "SMPL_NEUTRAL.npz") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x")
    return folder / name


def test_order(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_body() == OPEN_BODY
    mine = put(user_data_dir())
    assert find_body() == mine
    near = put(Path("body_models"))
    assert find_body() == near
    variable = put(clean / "variable folder")
    monkeypatch.setenv(loading.VARIABLE, str(variable.parent))
    assert find_body() == variable
    explicit = put(clean / "explicit", "my body.pkl")
    assert find_body(explicit) == explicit


def test_variable_may_name_a_file_and_a_tilde(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(clean / "home"))
    file = put(clean / "home", "thing.npz")
    monkeypatch.setenv(loading.VARIABLE, "~/thing.npz")
    assert find_body() == file


@pytest.mark.parametrize(
    ("name", "gender"),
    [
        ("SMPL_NEUTRAL.pkl", "neutral"),
        ("smpl_neutral.npz", "neutral"),
        ("basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl", "neutral"),
        ("basicModel_f_lbs_10_207_0_v1.0.0.pkl", "female"),
        ("SMPL_MALE.npz", "male"),
        ("basicmodel_m_lbs_10_207_0_v1.1.0.pkl", "male"),
    ],
)
@pytest.mark.parametrize("folder", ["body_models", "body_models/smpl"])
def test_names(name: str, gender: str, folder: str) -> None:
    file = put(Path(folder), name)
    assert find_body(gender=gender).resolve() == file.resolve()
    if gender != "neutral":
        assert find_body() == OPEN_BODY, "another gender's file must not stand in for the neutral body"


def test_npz_comes_before_pkl() -> None:
    put(Path("body_models"), "SMPL_NEUTRAL.pkl")
    assert find_body().suffix == ".pkl"
    put(Path("body_models"), "SMPL_NEUTRAL.npz")
    assert find_body().suffix == ".npz"


def test_missing_file_says_where_how_and_whence(clean: Path) -> None:
    with pytest.raises(MissingModel) as caught:
        find_body(clean / "nowhere" / "SMPL.pkl")
    text = str(caught.value)
    assert caught.value.exit_code == 4
    for part in (
        str(clean / "nowhere" / "SMPL.pkl"),
        "SMPL_NEUTRAL.npz",
        "SMPL_NEUTRAL.pkl",
        "$MOTIONIMIT_BODY",
        "https://smpl.is.tue.mpg.de",
    ):
        assert part in text, f"{part} is not in: {text}"
    assert "\n" not in text


def test_missing_through_variable_or_gender(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingModel, match="SMPL_FEMALE") as caught:
        find_body(gender="female")
    assert str(user_data_dir()) in str(caught.value)
    monkeypatch.setenv(loading.VARIABLE, str(clean / "gone"))
    with pytest.raises(MissingModel, match=r"\$MOTIONIMIT_BODY \(tried .*gone\)"):
        find_body()


def test_unknown_gender_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="gender must be one of"):
        find_body(gender="other")
