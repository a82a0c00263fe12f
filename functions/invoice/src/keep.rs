//! Where a printed document is kept, with the seller's logo on it.
//!
//! Invariant: a logo never holds up a document. Whatever is wrong with it is logged, and the document is made without.

use crate::pdf::{self, Document, Image};
use cloud::{Blob, Fault, World, store::PdfRecord};
use domain::id::TenantId;

/// Prints `document` and keeps it among the tenant's under `name`.
pub(crate) async fn keep(
    world: &World,
    tenant_id: TenantId,
    name: &str,
    document: Document,
) -> Result<PdfRecord, Fault> {
    let document = Document { logo: logo(world).await, ..document };
    let bytes = pdf::print(&document).map_err(|error| Fault::permanent("print document", error))?;
    let key = format!("{tenant_id}/{name}.pdf");
    let digest = document.metadata.identifier;
    world.put_blob(Blob { key: key.clone(), bytes, content_type: "application/pdf", digest }).await?;
    Ok(PdfRecord { key, ready_at: world.now() })
}

async fn logo(world: &World) -> Option<Image> {
    let bytes = match world.seller_logo().await {
        Ok(bytes) => bytes?,
        Err(fault) => {
            tracing::error!(fault = fault.chain(), "the seller's logo cannot be read; documents are made without it");
            return None;
        }
    };
    let read = Image::read(&bytes);
    read.inspect_err(|error| tracing::error!(%error, "the seller's logo is refused; documents are made without it"))
        .ok()
}
