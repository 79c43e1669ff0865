"""What each measure is called, which way is better, its unit and what it says: one table for scores and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True)
class Measure:
    """How to read one number."""

    better: Better  # "neither" for what only helps to read another measure
    unit: str  # "" for plain numbers
    meaning: str  # one line, ends without a full stop
    digits: int  # behind the point, for tables
    title: str  # a column's heading


MEASURES: dict[str, Measure] = {
    "psnr": Measure("higher", "dB", "peak signal-to-noise ratio in the person's box", 2, "PSNR"),
    "ssim": Measure("higher", "", "structural similarity in the person's box", 3, "SSIM"),
    "lpips": Measure("lower", "", "LPIPS (AlexNet) of the person's box at 256 px height", 3, "LPIPS"),
    "mask_psnr": Measure("higher", "dB", "PSNR over the pixels of the true person alone", 2, "mask-PSNR"),
    "mask_ssim": Measure("higher", "", "SSIM of whole pictures that are black outside the true person (PG²)", 3, "mask-SSIM"),
    "body_ssim": Measure("higher", "", "the same SSIM averaged over the person's pixels alone", 3, "body SSIM"),
    "l1_mask": Measure("lower", "grey levels", "mean absolute difference over the true person's pixels", 2, "L1"),
    "psnr_frame": Measure("higher", "dB", "PSNR of the whole picture", 2, "PSNR frame"),
    "ssim_frame": Measure("higher", "", "SSIM of the whole picture", 3, "SSIM frame"),
    "lpips_frame": Measure("lower", "", "LPIPS of the whole picture at 256 px height", 3, "LPIPS frame"),
    "head_psnr": Measure("higher", "dB", "PSNR of the crop round the true head, at 128 px", 2, "head PSNR"),
    "head_ssim": Measure("higher", "", "SSIM of the crop round the true head, at 128 px", 3, "head SSIM"),
    "head_lpips": Measure("lower", "", "LPIPS of the crop round the true head, at 128 px", 3, "head LPIPS"),
    "hands_psnr": Measure("higher", "dB", "PSNR of the crops round the true hands, at 64 px, mean over hands", 2, "hands PSNR"),
    "hands_ssim": Measure("higher", "", "SSIM of the crops round the true hands, at 64 px, mean over hands", 3, "hands SSIM"),
    "akd": Measure("lower", "% of height", "average distance of landmarks found in both pictures", 2, "AKD"),
    "mkr": Measure("lower", "%", "visible true landmarks that are not found in the result", 1, "MKR"),
    "pck5": Measure("higher", "%", "visible true landmarks found within 5 % of the person's height", 1, "PCK@5"),
    "detected": Measure("higher", "%", "results in which the detector finds a person", 1, "detected"),
    "iou": Measure("higher", "", "overlap of the detector's person masks (intersection over union)", 3, "IoU"),
    "flicker": Measure("lower", "grey levels", "difference of the frame-to-frame changes from the true ones", 2, "flicker"),
    "motion_truth": Measure("neither", "grey levels", "change of the truth per frame; read beside flicker", 2, "motion true"),
    "motion_pred": Measure("neither", "grey levels", "change of the result per frame; read beside flicker", 2, "motion made"),
    "akd_torso": Measure("lower", "% of torso", "landmark distance from the driver's, both from the hips", 2, "AKD torso"),
    "jitter": Measure("lower", "grey levels", "second difference in time in the person's box; 0 for steady change", 2, "jitter"),
    "jitter_driver": Measure("neither", "grey levels", "the driver's second difference; read beside jitter", 2, "jitter driver"),
    "background_std": Measure("lower", "grey levels", "spread over time of pixels that nobody covers", 2, "background"),
    "identity": Measure("higher", "", "cosine of face descriptors (dlib), 1 for the same picture", 3, "identity"),
    "face_rate": Measure("higher", "%", "results with a face where the reference shows one", 1, "faces"),
    "fid": Measure("lower", "", "Fréchet Inception distance of all results from all truths", 1, "FID"),
}  # fmt: skip
