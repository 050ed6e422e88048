"""Training recipes: the packaged ones say what was published, and a wrong one is refused by the key that is wrong."""

from pathlib import Path

import pytest

from alexbench.harness.errors import UsageError
from alexbench.harness.models.card import load_card
from alexbench.harness.models.recipes import PublishedRate, check_recipe, load_recipe, recipe_names

VALID = """
name = "mine"
title = "Mine"
sources = ["me"]
image_size = 224
batch = 8
epochs = 2
momentum = 0.9
weight_decay = 0.0
lr = 0.1
lr_source = "me"
step_size = 1
gamma = 0.5
augmentation = "none"
dropout = 0.0
"""


def test_the_recipes_say_what_was_published() -> None:
    assert recipe_names() == ("torchvision", "tf-cnn")
    torchvision, tf_cnn = map(load_recipe, recipe_names())
    assert (torchvision.image_size, torchvision.batch, torchvision.epochs) == (224, 32, 90)
    assert (torchvision.momentum, torchvision.weight_decay) == (0.9, 1e-4)
    assert (torchvision.step_size, torchvision.gamma) == (30, 0.1)
    assert torchvision.lr == 0.01
    assert torchvision.other_lr == (PublishedRate(0.2, "model index of the torchvision AlexNet card"),)
    assert (tf_cnn.image_size, tf_cnn.batch, tf_cnn.lr) == (227, 512, 0.005)
    assert {one.augmentation for one in (torchvision, tf_cnn)} == {"random-resized-crop", "distorted-bounding-box"}


def test_the_learning_rate_falls_by_gamma_after_each_step_of_epochs() -> None:
    torchvision, tf_cnn = map(load_recipe, recipe_names())
    assert [torchvision.lr_at(epoch) for epoch in (0, 29, 30, 59, 60, 89)] == pytest.approx(
        [1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4]
    )
    assert {tf_cnn.lr_at(epoch) for epoch in range(tf_cnn.epochs)} == {0.005}


@pytest.mark.parametrize(
    ("name", "meant"), [("torchvison", "torchvision"), ("tf_cnn", "tf-cnn"), ("pytorch", "torchvision")]
)
def test_an_unknown_recipe_is_refused_with_the_one_that_was_meant(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"unknown recipe '{name}'; did you mean '{meant}'"):
        load_recipe(name)


def test_a_recipe_of_another_size_than_the_cards_is_refused() -> None:
    check_recipe(load_recipe("torchvision"), load_card("torchvision"))
    with pytest.raises(UsageError, match="227 pixels, card torchvision takes 224; give --recipe torchvision"):
        check_recipe(load_recipe("tf-cnn"), load_card("torchvision"))


def test_ones_own_recipe_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(VALID)
    assert load_recipe(str(file)).batch == 8


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("batch = 8", "batch = 0", "batch = 0: wanted 1 or more"),
        ("lr = 0.1", "lr = nan", "lr = nan, wanted a finite number"),
        ("momentum = 0.9", "momentum = 1.0", "momentum = 1: wanted 0 or more, and less than 1"),
        ("weight_decay = 0.0", "weight_decay = -1.0", "weight_decay = -1: wanted 0 or more"),
        ("gamma = 0.5", "gamma = 0.0", "gamma = 0: wanted a number above 0"),
        ('augmentation = "none"', 'augmentation = "crop"', "augmentation = 'crop'"),
        ("dropout = 0.0", "dropuot = 0.0", "did you mean 'dropout'"),
        ("epochs = 2", "", "epochs"),
        ("title", "=", "is not valid TOML"),
    ],
)
def test_a_wrong_recipe_is_refused_by_its_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(VALID.replace(old, new))
    with pytest.raises(UsageError) as refused:
        load_recipe(str(file))
    assert said in str(refused.value)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"recipe none\.toml cannot be read: No such file"):
        load_recipe("none.toml")
