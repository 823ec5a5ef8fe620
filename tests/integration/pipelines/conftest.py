from pipeline_fixtures import open_scene, small

__all__ = ["open_scene", "small"]
