from pipeline_fixtures import open_scene, pipeline_workshop, small

__all__ = ["open_scene", "pipeline_workshop", "small"]
