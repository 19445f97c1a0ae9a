"""Peers that were asked for and cannot be measured, with the reason that the table shows."""

ABSENCES = (
    {
        "peer": "SFace, OpenCV FaceRecognizerSF",
        "reason": "its weights are in no package; OpenCV's model zoo keeps them in Git LFS",
    },
)
