"""Draw the README's pictures anew, so that they show what there is.

    python docs/make_images.py                    # about ten minutes; needs chromium, chromedriver
    python docs/make_images.py runs/flip-flop     # of a finished run, and the extra `test`

The explorer of a trained flip-flop (GRU, 64 units): how its third bit is held, unrolled in time.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import jax
import xarray as xr
from selenium import webdriver

from rnn_jax.discovery import Settings, Subject, TrainSettings, discover, train_network
from rnn_jax.discovery.find_subject import drawn
from rnn_jax.report import write_explorer

IMAGES = Path(__file__).parent / "images"
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1250,1560")


def trained() -> xr.Dataset:
    """What is found in a flip-flop that is trained first."""
    network = train_network("flip-flop", TrainSettings())
    trials = drawn("flip-flop", jax.random.key(1), 96)
    return discover(Subject("flip-flop", network, trials), Settings(unrolled=True)).dataset


def main() -> None:
    """Open a question of a trained network, and take a picture."""
    given = sys.argv[1:]
    dataset = xr.load_dataset(Path(given[0]) / "results.nc") if given else trained()
    with tempfile.TemporaryDirectory() as place:
        page = Path(place) / "report.html"
        write_explorer(dataset, page)
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or "chromium"
        for flag in (*FLAGS, f"--user-data-dir={place}/profile"):
            options.add_argument(flag)
        driver = shutil.which("chromedriver") or "chromedriver"
        browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
        try:
            browser.get(page.as_uri())
            browser.find_element("xpath", "//button[text()='bit 2: hold']").click()
            browser.save_screenshot(str(IMAGES / "explorer.png"))
        finally:
            browser.quit()


if __name__ == "__main__":
    main()
