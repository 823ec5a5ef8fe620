"""Scale: the batch pipeline's arms at growing sizes, beside the limit of the same server."""
