"""What an estimator of one person's landmarks must offer, and MediaPipe's BlazePose behind it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..runtime import quiet_stderr
from .roi import Roi, crop, roi_from_axis

INPUT_PX = 256  # BlazePose looks at a square of this size
LEFT_RIGHT = np.array(
    [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23, 26, 25, 28, 27, 30, 29, 32, 31]
)
"""For each of the 33 landmarks the index of its mirror twin."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One person in one image."""

    joints_px: np.ndarray  # [33, 2] float32, pixel centres at +0.5; may lie outside the image
    joints_m: np.ndarray  # [33, 3] float32: x right, y up, z towards the camera, origin between the hips
    confidence: np.ndarray  # [33] float32, 0..1; low where hidden or outside the image
    roi: Roi  # where it was looked for
    next_roi: Roi  # where to look in the next frame
    mask: np.ndarray | None = None  # [256, 256] float32 in the roi, 0..1


class PoseDetector(Protocol):
    """A top-down estimator without memory: who is there, and how does the person in this window stand."""

    def find(self, rgb: np.ndarray, score: float = 0.5) -> list[Roi]:
        """[H, W, 3] uint8 → the windows of the people seen with at least this score, best first."""

    def detect(self, rgb: np.ndarray, roi: Roi) -> Detection | None:
        """[H, W, 3] uint8 and the person's window → the person, or None where the window shows nobody."""

    def people_mask(self, rgb: np.ndarray) -> np.ndarray | None:
        """[H, W, 3] uint8 → [H, W] float32, 0..1: does a pixel belong to anybody; None if the estimator can't tell."""

    def close(self) -> None:
        """Give back what the estimator holds."""


_FIND = """
input_stream: "image"  output_stream: "people"
node { calculator: "PoseDetectionCpu" input_stream: "IMAGE:image" output_stream: "DETECTIONS:people" }
"""
_DETECT = """
input_stream: "image"  input_stream: "roi"
input_side_packet: "model_complexity"  input_side_packet: "enable_segmentation"
output_stream: "landmarks"  output_stream: "axis"  output_stream: "world"  output_stream: "mask"
node {
  calculator: "PoseLandmarkByRoiCpu"
  input_stream: "IMAGE:image"  input_stream: "ROI:roi"
  input_side_packet: "MODEL_COMPLEXITY:model_complexity"  input_side_packet: "ENABLE_SEGMENTATION:enable_segmentation"
  output_stream: "LANDMARKS:landmarks"  output_stream: "AUXILIARY_LANDMARKS:axis"
  output_stream: "WORLD_LANDMARKS:world"  output_stream: "SEGMENTATION_MASK:mask_image"
}
node { calculator: "FromImageCalculator" input_stream: "IMAGE:mask_image" output_stream: "IMAGE_CPU:mask" }
"""
_SEGMENT = """
input_stream: "image"  output_stream: "mask"
node { calculator: "SelfieSegmentationCpu" input_stream: "IMAGE:image" output_stream: "SEGMENTATION_MASK:mask" }
"""
_FIND_FLOOR = 0.25  # the graph's own threshold; `find` filters above it


class MediaPipeDetector:
    """BlazePose "full" from the wheel's own models, and the selfie segmenter, as three stateless graphs on MediaPipe's public
    calculators.

    The legacy `Pose` solution returns one person, tracks by itself and warps each mask to the full frame; driving its two parts
    directly gives every person, exact windows for our tracker, and masks at no measurable cost. Use from one thread at a time.
    """

    def __init__(self) -> None:
        self._graphs: tuple[Any, Any, Any] | None = None
        self._whole: Any = None

    def find(self, rgb: np.ndarray, score: float = 0.5) -> list[Roi]:
        height, width = rgb.shape[:2]
        found = self._run(0, {"image": np.ascontiguousarray(rgb)}).people or []
        out: list[Roi] = []
        for person in sorted(found, key=lambda p: -p.score[0]):
            if person.score[0] < score:
                break
            hip, top = person.location_data.relative_keypoints[:2]
            size = np.array([width, height])
            out.append(roi_from_axis(np.array([hip.x, hip.y]) * size, np.array([top.x, top.y]) * size))
        return out

    def detect(self, rgb: np.ndarray, roi: Roi) -> Detection | None:
        window = crop(rgb, roi, INPUT_PX)
        answer = self._run(1, {"image": window, "roi": self._whole})
        if answer.landmarks is None or answer.world is None:
            return None
        marks = np.array([(p.x, p.y, p.visibility) for p in answer.landmarks.landmark], np.float64)
        world = np.array([(p.x, p.y, p.z) for p in answer.world.landmark], np.float64)
        axis = roi.to_frame(np.array([(p.x, p.y) for p in answer.axis.landmark[:2]], np.float64))
        joints_px = roi.to_frame(marks[:, :2])
        world[:, :2] = world[:, :2] @ roi.rotation().T
        confidence = marks[:, 2] * _inside(joints_px, rgb.shape[1], rgb.shape[0], 0.04 * roi.side_px)
        mask = None if answer.mask is None else np.array(answer.mask, np.float32)
        return Detection(
            joints_px.astype(np.float32),
            (world * (1, -1, -1)).astype(np.float32),
            confidence.astype(np.float32),
            roi,
            roi_from_axis(axis[0], axis[1]),
            mask,
        )

    def people_mask(self, rgb: np.ndarray) -> np.ndarray | None:
        answer = self._run(2, {"image": np.ascontiguousarray(rgb)})
        return None if answer.mask is None else np.array(answer.mask, np.float32)

    def close(self) -> None:
        graphs, self._graphs = self._graphs, None
        for graph in graphs or ():
            with suppress(Exception):  # a graph that failed earlier complains again when it is closed
                graph.close()

    def _run(self, which: int, inputs: dict[str, Any]) -> Any:
        if self._graphs is None:
            os.environ.setdefault("GLOG_minloglevel", "2")
            with quiet_stderr():  # its C++ logs before any of its switches is read; the first frame of each graph logs too
                self._graphs = self._open()
        return self._graphs[which].process(inputs)

    def _open(self) -> tuple[Any, Any, Any]:
        from mediapipe.framework.formats import rect_pb2
        from mediapipe.python.solution_base import SolutionBase

        floor = {"posedetectioncpu__TensorsToDetectionsCalculator.min_score_thresh": _FIND_FLOOR}
        finder = SolutionBase(graph_config=_FIND, calculator_params=floor)
        poser = SolutionBase(graph_config=_DETECT, side_inputs={"model_complexity": 1, "enable_segmentation": True})
        self._whole = rect_pb2.NormalizedRect(x_center=0.5, y_center=0.5, width=1.0, height=1.0)
        blank = np.zeros((INPUT_PX, INPUT_PX, 3), np.uint8)
        segmenter = SolutionBase(graph_config=_SEGMENT)
        segmenter.process({"image": blank})
        finder.process({"image": blank})
        poser.process({"image": blank, "roi": self._whole})
        return finder, poser, segmenter


def _inside(joints_px: np.ndarray, width: int, height: int, margin_px: float) -> np.ndarray:
    """[33] factor: 1 inside the frame, falling to 0.1 at `margin_px` outside, where a landmark is a guess."""
    size = np.array([width, height])
    beyond = np.maximum(np.maximum(-joints_px, joints_px - size), 0).max(-1)
    return np.clip(1 - beyond / max(margin_px, 1e-6), 0.1, 1)
